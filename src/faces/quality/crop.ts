import type { Point } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';

/** A square of an image, turned in its plane. */
export interface Square {
  /** Its middle, in pixels of the image. */
  readonly centre: Point;
  /** In pixels of the image. */
  readonly side: number;
  /** Clockwise as seen, in degrees. */
  readonly angle: number;
}

/** Samples of a large face that go into a pixel of the crop, along each side: more change nothing. */
const MAX_SAMPLES = 8;

interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/**
 * The luminance (Rec. 601, 0 to 255) of a square of an image as `size` × `size` values, rows from top to
 * bottom. Each is the mean of the pixels under it, so that a photograph and a smaller version of it give
 * the same crop; beyond the edge of the image its pixels are repeated.
 */
export function luminanceCrop(
  image: Image,
  { centre, side, angle }: Square,
  size: number,
): Float32Array {
  const scale = side / size;
  // First whole pixels are averaged, axis by axis, then what is left is sampled along the turned square.
  const factor = Math.max(1, Math.floor(scale / 2));
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const reach = (side / 2) * (Math.abs(cos) + Math.abs(sin)) + 2 * factor;
  const left = clamp(Math.floor(centre[0] - reach), 0, image.width - 1);
  const top = clamp(Math.floor(centre[1] - reach), 0, image.height - 1);
  const right = clamp(Math.ceil(centre[0] + reach), left + 1, image.width);
  const bottom = clamp(Math.ceil(centre[1] + reach), top + 1, image.height);
  const plane = reduced(image, [left, top, right, bottom], factor);
  // A bilinear sample reaches over two values, so that one in 1.5 of them leaves none out.
  const samples = Math.ceil(scale / factor / 1.5);
  const step = scale / factor / samples;
  const [middleX, middleY] = [(centre[0] - left) / factor, (centre[1] - top) / factor];
  const half = (size * samples) / 2 - 0.5;
  const crop = new Float32Array(size * size);
  for (let y = 0; y < size * samples; y++) {
    const row = Math.floor(y / samples) * size;
    const v = (y - half) * step;
    for (let x = 0; x < size * samples; x++) {
      const u = (x - half) * step;
      const at = row + Math.floor(x / samples);
      crop[at] += bilinear(plane, middleX + cos * u - sin * v, middleY + sin * u + cos * v);
    }
  }
  for (let i = 0; i < crop.length; i++) crop[i] /= samples * samples;
  return crop;
}

/** The luminance of a rectangle, every `factor` × `factor` pixels of it averaged into one. */
function reduced(
  { width, data }: Image,
  [left, top, right, bottom]: readonly [number, number, number, number],
  factor: number,
): Plane {
  const stride = Math.max(1, Math.floor(factor / MAX_SAMPLES));
  const plane = {
    width: Math.ceil((right - left) / factor),
    height: Math.ceil((bottom - top) / factor),
  };
  const values = new Float32Array(plane.width * plane.height);
  for (let row = 0; row < plane.height; row++)
    for (let column = 0; column < plane.width; column++) {
      const [fromX, fromY] = [left + column * factor, top + row * factor];
      const [toX, toY] = [Math.min(fromX + factor, right), Math.min(fromY + factor, bottom)];
      let [sum, count] = [0, 0];
      for (let y = fromY; y < toY; y += stride)
        for (let x = fromX; x < toX; x += stride, count++) {
          const at = (y * width + x) * 3;
          sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
        }
      values[row * plane.width + column] = sum / count;
    }
  return { ...plane, data: values };
}

// x, y with the middle of the first value at 0.5, 0.5. No tuples: this is the inner loop.
function bilinear({ width, height, data }: Plane, x: number, y: number): number {
  const u = clamp(x - 0.5, 0, width - 1);
  const v = clamp(y - 0.5, 0, height - 1);
  const x0 = Math.floor(u);
  const y0 = Math.floor(v);
  const fx = u - x0;
  const top = y0 * width + x0;
  const right = x0 + 1 < width ? 1 : 0;
  const bottom = y0 + 1 < height ? top + width : top;
  const above = data[top] + (data[top + right] - data[top]) * fx;
  const below = data[bottom] + (data[bottom + right] - data[bottom]) * fx;
  return above + (below - above) * (v - y0);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
