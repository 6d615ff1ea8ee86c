import type { Image } from './image.ts';

/**
 * Turns stored pixels upright.
 * @param orientation the EXIF tag, 1 to 8: where the stored first row and column belong in the picture.
 */
export function orient(image: Image, orientation: number): Image {
  const { width: w, height: h, data } = image;
  const last = w * h - 1;
  // Stored pixel of the upright top left corner, then the step to its right and lower neighbours.
  const walks: Readonly<Record<number, readonly [start: number, right: number, down: number]>> = {
    2: [w - 1, -1, w],
    3: [last, -1, -w],
    4: [last - w + 1, 1, -w],
    5: [0, w, 1],
    6: [last - w + 1, -w, 1],
    7: [last, -w, -1],
    8: [w - 1, w, -1],
  };
  const walk = walks[orientation];
  if (!walk) return image;
  const [start, right, down] = walk;
  const [width, height] = orientation > 4 ? [h, w] : [w, h];
  const out = new Uint8Array(data.length);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0, p = (start + y * down) * 3; x < width; x++, p += right * 3) {
      out[o++] = data[p];
      out[o++] = data[p + 1];
      out[o++] = data[p + 2];
    }
  }
  return { width, height, data: out };
}
