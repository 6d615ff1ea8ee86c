import type { Array4, Element } from './reference.ts';
import { transformWeights } from './winograd.ts';

/** The scalar versions of the first two steps of winograd.ts; the three together are a `convReference`. */

const B = [
  [4, 0, 0, 0, 0, 0],
  [0, -4, 4, -2, 2, 4],
  [-5, -4, -4, -1, -1, 0],
  [0, 1, -1, 2, -2, -5],
  [1, 1, 1, 1, 1, 0],
  [0, 0, 0, 0, 0, 1],
];

/** Element e of BᵀdB of each tile; `out` are height and width of the convolution's output. */
export function tilesReference(
  { shape: [, h, w, c], data }: Array4,
  out: readonly [h: number, w: number],
  pad: readonly [top: number, left: number],
): Element {
  const [rows, cols] = out.map((size) => Math.ceil(size / 4));
  return (e, _y, tile, k) => {
    const n = Math.floor(tile / (rows * cols));
    const y0 = (Math.floor(tile / cols) % rows) * 4 - pad[0];
    const x0 = (tile % cols) * 4 - pad[1];
    let sum = 0;
    for (let dy = 0; dy < 6; dy++)
      for (let dx = 0; dx < 6; dx++) {
        const [y, x] = [y0 + dy, x0 + dx];
        if (y < 0 || y >= h || x < 0 || x >= w) continue;
        sum += B[dy][Math.floor(e / 6)] * B[dx][e % 6] * data[((n * h + y) * w + x) * c + k];
      }
    return sum;
  };
}

/** Of each element of the tiles, its channels times the element's weights; weight [3, 3, Cin, Cout]. */
export function productsReference({ shape, data }: Array4, weight: Float32Array): Element {
  const [, , tiles, cin] = shape;
  const cout = weight.length / (9 * cin);
  const transformed = transformWeights(weight);
  return (e, _y, tile, co) => {
    let sum = 0;
    for (let ci = 0; ci < cin; ci++)
      sum += data[(e * tiles + tile) * cin + ci] * transformed[(e * cin + ci) * cout + co];
    return sum;
  };
}
