import type { Image } from '../src/engine/image/image.ts';

/** x, y, width, height in pixels; may reach beyond the image, which is black there. */
export type Region = readonly [x: number, y: number, width: number, height: number];

/** Which pixels along one axis make an output pixel, and their shares. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly shares: Float32Array[];
}

/**
 * A region of an image by OpenCV's INTER_AREA as `height` × `width` × 3 values of 0 to 255, rows
 * first, then columns: the peer's resize, which a JavaScript cascade without our GPU kernels needs.
 */
export function resizeArea(
  image: Image,
  [x0, y0, w, h]: Region,
  width: number,
  height: number,
): Float32Array {
  const taps = w >= width && h >= height ? areaTaps : linearTaps;
  const columns = taps(w, width);
  const rows = taps(h, height);
  const narrow = new Float32Array(h * width * 3);
  for (let row = Math.max(0, -y0); row < Math.min(h, image.height - y0); row++)
    for (let x = 0; x < width; x++) {
      const shares = columns.shares[x];
      let [r, g, b] = [0, 0, 0];
      for (let i = 0; i < shares.length; i++) {
        const column = x0 + columns.first[x] + i;
        if (column < 0 || column >= image.width) continue;
        const at = ((y0 + row) * image.width + column) * 3;
        r += shares[i] * image.data[at];
        g += shares[i] * image.data[at + 1];
        b += shares[i] * image.data[at + 2];
      }
      narrow.set([r, g, b], (row * width + x) * 3);
    }
  const out = new Float32Array(height * width * 3);
  const line = width * 3;
  for (let y = 0; y < height; y++)
    rows.shares[y].forEach((share, i) => {
      const from = (rows.first[y] + i) * line;
      for (let k = 0; k < line; k++) out[y * line + k] += share * narrow[from + k];
    });
  return out;
}

function areaTaps(from: number, to: number): Taps {
  const scale = from / to;
  return taps(to, (o) => {
    const [start, end] = [o * scale, Math.min((o + 1) * scale, from)];
    const first = Math.floor(start + 1e-9);
    const last = Math.ceil(end - 1e-9);
    const shares = Array.from({ length: last - first }, (_, i) => {
      const covered = Math.min(end, first + i + 1) - Math.max(start, first + i);
      return covered / (end - start);
    });
    return { first, shares };
  });
}

/** INTER_AREA where an axis grows: linear, with coefficients of its own. */
function linearTaps(from: number, to: number): Taps {
  const scale = from / to;
  return taps(to, (o) => {
    const s = Math.floor(o * scale);
    const f = o + 1 - (s + 1) / scale;
    const share = f <= 0 ? 0 : f - Math.floor(f);
    return s + 1 < from && share > 0
      ? { first: s, shares: [1 - share, share] }
      : { first: Math.min(s, from - 1), shares: [1] };
  });
}

function taps(to: number, of: (o: number) => { first: number; shares: number[] }): Taps {
  const list = Array.from({ length: to }, (_, o) => of(o));
  return {
    first: Int32Array.from(list, ({ first }) => first),
    count: Int32Array.from(list, ({ shares }) => shares.length),
    shares: list.map(({ shares }) => Float32Array.from(shares)),
  };
}
