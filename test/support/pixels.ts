import { expect } from 'vitest';
import type { Image } from '../../src/engine/image/image.ts';

/** Block values of the picture that `expectGreyBlocks` knows: no two of its rows, columns or corners are alike. */
export const GREYS = [
  [10, 90, 200],
  [255, 0, 130],
];

/** A picture in which every pixel has its own colour. */
export function gradient(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data.set([(i % width) * 3, Math.floor(i / width) * 5, 128], i * 3);
  }
  return { width, height, data };
}

/** Red, green and blue at x, y. */
export function pixel({ width, data }: Image, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

/** The picture is `GREYS` in blocks of 8×8, upright. */
export function expectGreyBlocks(image: Image): void {
  expect([image.width, image.height]).toEqual([24, 16]);
  const wrong: string[] = [];
  for (let y = 0; y < 16; y++) {
    for (let x = 0; x < 24; x++) {
      if (pixel(image, x, y).some((v) => v !== GREYS[y >> 3][x >> 3])) wrong.push(`${x},${y}`);
    }
  }
  expect(wrong).toEqual([]);
}

/** Every channel is within one step of the expected colour. */
export function expectNear(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) {
    expect(Math.abs(actual[i] - expected[i])).toBeLessThanOrEqual(1);
  }
}

/** How many samples are darker than the middle. */
export function dark({ data }: Image): number {
  return data.reduce((count, v) => count + (v < 128 ? 1 : 0), 0);
}
