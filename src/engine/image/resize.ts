import type { Image } from './image.ts';

interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * Resizes a picture for people to look at: linear between pixels when it grows, a triangle as wide as the
 * scale when it shrinks. Networks have their own resize on the GPU.
 */
export function resize(image: Image, width: number, height: number): Image {
  const columns = taps(image.width, width);
  const rows = taps(image.height, height);
  const wide = new Float32Array(width * image.height * 3);
  for (let y = 0, o = 0; y < image.height; y++) {
    for (const { first, weights } of columns) {
      const start = (y * image.width + first) * 3;
      for (let c = 0; c < 3; c++, o++) {
        for (let k = 0; k < weights.length; k++)
          wide[o] += weights[k] * image.data[start + k * 3 + c];
      }
    }
  }
  const data = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    const { first, weights } = rows[y];
    for (let i = 0; i < width * 3; i++, o++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += weights[k] * wide[(first + k) * width * 3 + i];
      data[o] = sum;
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

function taps(from: number, to: number): Taps[] {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(from - 1, Math.floor(centre + reach));
    const raw = Array.from(
      { length: last - first + 1 },
      (_, k) => 1 - Math.abs(first + k - centre) / reach,
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((w) => w / sum) };
  });
}
