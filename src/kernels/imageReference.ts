/**
 * The scalar versions of the kernels that cut pictures out of images: their specification.
 */

export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** One output pixel of `resize`: box x y w h of the image to `ow` × `oh`, 8-bit scale, not normalised. */
export function resizeReference(
  image: RgbImage,
  [x, y, w, h]: readonly [number, number, number, number],
  oh: number,
  ow: number,
): Float32Array {
  const out = new Float32Array(oh * ow * 3);
  const grows = w < ow || h < oh;
  const taps = (size: number, length: number) =>
    Array.from({ length: size }, (_, d) => (grows ? linear : area)(d, length / size, length));
  const [rows, cols] = [taps(oh, h), taps(ow, w)];
  rows.forEach((rowTaps, oy) => {
    cols.forEach((colTaps, ox) => {
      for (const [iy, wy] of rowTaps)
        for (const [ix, wx] of colTaps) {
          const [px, py] = [x + ix, y + iy];
          if (px < 0 || py < 0 || px >= image.width || py >= image.height) continue;
          for (let c = 0; c < 3; c++)
            out[(oy * ow + ox) * 3 + c] += wy * wx * image.data[(py * image.width + px) * 3 + c];
        }
    });
  });
  return out;
}

type Taps = [index: number, weight: number][];

function area(d: number, ratio: number, length: number): Taps {
  const [low, high] = [d * ratio, Math.min((d + 1) * ratio, length)];
  const taps: Taps = [];
  for (let i = Math.floor(low); i < high; i++)
    taps.push([i, (Math.min(i + 1, high) - Math.max(i, low)) / (high - low)]);
  return taps;
}

function linear(d: number, ratio: number, length: number): Taps {
  const i = Math.floor(d * ratio);
  const f = d + 1 - (i + 1) / ratio;
  if (f <= 0 || i >= length - 1) return [[i, 1]];
  return [
    [i, 1 - (f - Math.floor(f))],
    [i + 1, f - Math.floor(f)],
  ];
}

/** `warp` of one map (ox oy ux uy vx vy) to [oh, ow, 3], 8-bit scale, not normalised. */
export function warpReference(
  image: RgbImage,
  [ox, oy, ux, uy, vx, vy]: Float32Array,
  oh: number,
  ow: number,
  order: 'RGB' | 'BGR',
): Float32Array {
  const count = Math.max(1, Math.ceil(Math.max(Math.hypot(ux, uy), Math.hypot(vx, vy))));
  const out = new Float32Array(oh * ow * 3);
  for (let i = 0; i < out.length; i++) {
    const [row, col, c] = [Math.floor(i / (ow * 3)), Math.floor(i / 3) % ow, i % 3];
    const channel = order === 'BGR' ? 2 - c : c;
    for (let a = 0; a < count; a++)
      for (let b = 0; b < count; b++) {
        const [s, t] = [col + (b + 0.5) / count, row + (a + 0.5) / count];
        const v = bilinear(image, ox + s * ux + t * vx - 0.5, oy + s * uy + t * vy - 0.5, channel);
        out[i] += v / (count * count);
      }
  }
  return out;
}

function bilinear(image: RgbImage, x: number, y: number, c: number): number {
  const [ix, iy] = [Math.floor(x), Math.floor(y)];
  const value = (px: number, py: number) => {
    const [cx, cy] = [
      Math.min(Math.max(px, 0), image.width - 1),
      Math.min(Math.max(py, 0), image.height - 1),
    ];
    return image.data[(cy * image.width + cx) * 3 + c];
  };
  const top = value(ix, iy) + (x - ix) * (value(ix + 1, iy) - value(ix, iy));
  const bottom = value(ix, iy + 1) + (x - ix) * (value(ix + 1, iy + 1) - value(ix, iy + 1));
  return top + (y - iy) * (bottom - top);
}
