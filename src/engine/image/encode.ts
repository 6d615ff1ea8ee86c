import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import type { Image } from './image.ts';

/**
 * A baseline JPEG without subsampling.
 * @param quality 1 to 100, the usual scale of libjpeg.
 */
export function encodeJpeg({ width, height, data }: Image, quality = 90): Uint8Array {
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0, o = 0; i < data.length; i += 3, o += 4) {
    rgba[o] = data[i];
    rgba[o + 1] = data[i + 1];
    rgba[o + 2] = data[i + 2];
  }
  return jpeg.encode({ width, height, data: rgba }, quality).data;
}

/** An 8-bit RGB PNG. */
export function encodePng({ width, height, data }: Image): Uint8Array {
  const png = new PNG({ width, height });
  png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
}

/** The same beside other work: the compression, which takes most of the time, runs in a thread. */
export function packPng({ width, height, data }: Image): Promise<Buffer> {
  const form = { colorType: 2, inputColorType: 2, inputHasAlpha: false } as const;
  const png = new PNG({ width, height, ...form });
  png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return buffer(png.pack().pipe(new PassThrough()));
}
