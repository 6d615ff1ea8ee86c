import type { Image } from './image.ts';

/** Red, green, blue, 0 to 255. */
export type Colour = readonly [r: number, g: number, b: number];

/** Pixels: left, top, width, height. */
export type Rectangle = readonly [x: number, y: number, width: number, height: number];

/** Points joined by straight lines, x y x y …, in pixels; a single point twice is a dot. */
export type Line = readonly number[];

/** A picture of one colour. */
export function blank(width: number, height: number, colour: Colour): Image {
  const image = { width, height, data: new Uint8Array(width * height * 3) };
  fillRectangle(image, [0, 0, width, height], colour);
  return image;
}

/** Copies the part of the rectangle that lies inside the image; at least one pixel. */
export function crop(image: Image, [x, y, width, height]: Rectangle): Image {
  const left = clamp(Math.round(x), 0, image.width - 1);
  const top = clamp(Math.round(y), 0, image.height - 1);
  const w = clamp(Math.round(x + width), left + 1, image.width) - left;
  const h = clamp(Math.round(y + height), top + 1, image.height) - top;
  const data = new Uint8Array(w * h * 3);
  for (let row = 0; row < h; row++) {
    const start = ((top + row) * image.width + left) * 3;
    data.set(image.data.subarray(start, start + w * 3), row * w * 3);
  }
  return { width: w, height: h, data };
}

/** Copies `source` into `image` with its top left corner at x, y; it must fit. */
export function paste(image: Image, source: Image, x: number, y: number): void {
  for (let row = 0; row < source.height; row++) {
    const pixels = source.data.subarray(row * source.width * 3, (row + 1) * source.width * 3);
    image.data.set(pixels, ((y + row) * image.width + x) * 3);
  }
}

/** Fills a rectangle, clipped to the image. */
export function fillRectangle(
  image: Image,
  [x, y, width, height]: Rectangle,
  colour: Colour,
): void {
  const [left, right] = [clamp(x, 0, image.width), clamp(x + width, 0, image.width)];
  const bottom = Math.min(y + height, image.height);
  for (let row = Math.max(y, 0); row < bottom; row++) {
    for (let column = left; column < right; column++) {
      image.data.set(colour, (row * image.width + column) * 3);
    }
  }
}

/** Draws the four sides of a rectangle; the lines lie outside of it, so that they hide nothing of what they frame. */
export function strokeRectangle(
  image: Image,
  [x, y, width, height]: Rectangle,
  thickness: number,
  colour: Colour,
): void {
  const [t, outer] = [thickness, width + 2 * thickness];
  fillRectangle(image, [x - t, y - t, outer, t], colour);
  fillRectangle(image, [x - t, y + height, outer, t], colour);
  fillRectangle(image, [x - t, y, t, height], colour);
  fillRectangle(image, [x + width, y, t, height], colour);
}

/** Draws lines with round ends and joints, smoothed at the edges, as one shape: where they cross nothing is darker. */
export function strokeLines(
  image: Image,
  lines: readonly Line[],
  radius: number,
  colour: Colour,
): void {
  const xs = lines.flatMap((line) => line.filter((_, i) => i % 2 === 0));
  const ys = lines.flatMap((line) => line.filter((_, i) => i % 2 === 1));
  const reach = radius + 1;
  const right = Math.min(image.width - 1, Math.ceil(Math.max(...xs) + reach));
  const bottom = Math.min(image.height - 1, Math.ceil(Math.max(...ys) + reach));
  for (let y = Math.max(0, Math.floor(Math.min(...ys) - reach)); y <= bottom; y++) {
    for (let x = Math.max(0, Math.floor(Math.min(...xs) - reach)); x <= right; x++) {
      const cover = clamp(radius + 0.5 - distance(lines, x + 0.5, y + 0.5), 0, 1);
      const at = (y * image.width + x) * 3;
      for (let c = 0; c < 3 && cover > 0; c++) {
        image.data[at + c] += Math.round((colour[c] - image.data[at + c]) * cover);
      }
    }
  }
}

function distance(lines: readonly Line[], x: number, y: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const line of lines) {
    for (let i = 0; i + 3 < line.length; i += 2) {
      const [ax, ay] = [line[i], line[i + 1]];
      const [dx, dy] = [line[i + 2] - ax, line[i + 3] - ay];
      const along = clamp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1), 0, 1);
      nearest = Math.min(nearest, Math.hypot(x - ax - along * dx, y - ay - along * dy));
    }
  }
  return nearest;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
