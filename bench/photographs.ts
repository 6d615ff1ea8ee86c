import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { decodeImage } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { resizeArea } from './resizeArea.ts';

const SAMPLES = 6;

/** Photographs with faces that come with a development dependency, cut and resized to one size. */
export async function photographs(
  width: number,
  height: number,
  count = SAMPLES,
): Promise<Image[]> {
  const resolve = createRequire(import.meta.url).resolve;
  const images: Image[] = [];
  for (let i = 1; i <= count; i++) {
    const path = resolve(`@vladmandic/face-api/demo/sample${i}.jpg`);
    images.push(fill(await decodeImage(await readFile(path)), width, height));
  }
  return images;
}

/** The middle of the image in the wanted proportions, resized. */
function fill(image: Image, width: number, height: number): Image {
  const scale = Math.min(image.width / width, image.height / height);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  const x = Math.floor((image.width - w) / 2);
  const y = Math.floor((image.height - h) / 2);
  const values = resizeArea(image, [x, y, w, h], width, height);
  return { width, height, data: Uint8Array.from(values, Math.round) };
}
