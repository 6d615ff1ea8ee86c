/**
 * The scalar version of every kernel: its specification. Plain loops over dense N H W C arrays,
 * accumulated in double precision.
 */

export interface Array4 {
  readonly shape: readonly [n: number, h: number, w: number, c: number];
  readonly data: Float32Array;
}

function empty(shape: Array4['shape']): Array4 {
  return { shape, data: new Float32Array(shape[0] * shape[1] * shape[2] * shape[3]) };
}

function at(a: Array4, n: number, y: number, x: number, c: number): number {
  const [, h, w, cs] = a.shape;
  return a.data[((n * h + y) * w + x) * cs + c];
}

/** Calls back for every element of a shape, in memory order. */
function each(
  [n, h, w, c]: Array4['shape'],
  visit: (i: number, n: number, y: number, x: number, c: number) => void,
): void {
  let i = 0;
  for (let b = 0; b < n; b++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) for (let k = 0; k < c; k++) visit(i++, b, y, x, k);
}

export interface ConvReference {
  readonly kernel: readonly [h: number, w: number];
  readonly stride: readonly [h: number, w: number];
  readonly pad: readonly [top: number, left: number];
  readonly out: readonly [h: number, w: number];
  readonly activation: 'none' | 'relu' | 'prelu' | 'sigmoid';
  readonly bias: Float32Array;
  readonly slope?: Float32Array;
  readonly residual?: Float32Array;
}

/** y = activation(x * weight + bias + residual); weight [KH, KW, Cin, Cout]. */
export function convReference(x: Array4, weight: Float32Array, o: ConvReference): Array4 {
  const [n, h, w, cin] = x.shape;
  const cout = o.bias.length;
  const y = empty([n, o.out[0], o.out[1], cout]);
  each(y.shape, (i, b, oy, ox, co) => {
    let sum = o.bias[co] + (o.residual?.[i] ?? 0);
    for (let dy = 0; dy < o.kernel[0]; dy++)
      for (let dx = 0; dx < o.kernel[1]; dx++) {
        const iy = oy * o.stride[0] - o.pad[0] + dy;
        const ix = ox * o.stride[1] - o.pad[1] + dx;
        if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
        for (let ci = 0; ci < cin; ci++)
          sum += at(x, b, iy, ix, ci) * weight[((dy * o.kernel[1] + dx) * cin + ci) * cout + co];
      }
    y.data[i] = activate(sum, o.activation, o.slope?.[co] ?? 0);
  });
  return y;
}

function activate(v: number, kind: ConvReference['activation'], slope: number): number {
  if (kind === 'sigmoid') return 1 / (1 + Math.exp(-v));
  if (kind === 'none' || v > 0) return v;
  return kind === 'relu' ? 0 : slope * v;
}

export interface PoolReference {
  readonly kind: 'max' | 'average';
  readonly kernel: readonly [h: number, w: number];
  readonly stride: readonly [h: number, w: number];
  readonly pad: readonly [top: number, left: number];
  readonly out: readonly [h: number, w: number];
}

/** Window maximum or mean over the cells that lie inside x. */
export function poolReference(x: Array4, o: PoolReference): Array4 {
  const [n, h, w, c] = x.shape;
  const y = empty([n, o.out[0], o.out[1], c]);
  each(y.shape, (i, b, oy, ox, k) => {
    const seen: number[] = [];
    for (let dy = 0; dy < o.kernel[0]; dy++)
      for (let dx = 0; dx < o.kernel[1]; dx++) {
        const iy = oy * o.stride[0] - o.pad[0] + dy;
        const ix = ox * o.stride[1] - o.pad[1] + dx;
        if (iy >= 0 && iy < h && ix >= 0 && ix < w) seen.push(at(x, b, iy, ix, k));
      }
    y.data[i] =
      o.kind === 'max' ? Math.max(...seen) : seen.reduce((sum, v) => sum + v, 0) / seen.length;
  });
  return y;
}

/** Mean over H and W. */
export function globalAverageReference(x: Array4): Array4 {
  const [n, h, w, c] = x.shape;
  const sums = new Float64Array(n * c);
  each(x.shape, (i, b, _y, _x, k) => {
    sums[b * c + k] += x.data[i] / (h * w);
  });
  return { shape: [n, 1, 1, c], data: Float32Array.from(sums) };
}

/** relu(x · gate + residual); gate [N, 1, 1, C]. */
export function gateReference(x: Array4, gate: Array4, residual: Array4): Array4 {
  const y = empty(x.shape);
  each(x.shape, (i, b, _y, _x, k) => {
    y.data[i] = Math.max(0, x.data[i] * at(gate, b, 0, 0, k) + residual.data[i]);
  });
  return y;
}

/** Concatenation over channels. */
export function concatReference(xs: readonly Array4[]): Array4 {
  const [n, h, w] = xs[0].shape;
  const y = empty([n, h, w, xs.reduce((sum, x) => sum + x.shape[3], 0)]);
  let first = 0;
  for (const x of xs) {
    each(x.shape, (i, b, oy, ox, k) => {
      y.data[((b * h + oy) * w + ox) * y.shape[3] + first + k] = x.data[i];
    });
    first += x.shape[3];
  }
  return y;
}

/** x / sqrt(max(Σ x², 1e-10)) over channels. */
export function l2Reference(x: Array4): Array4 {
  return perPixel(x, (v) => {
    const norm = Math.sqrt(
      Math.max(
        1e-10,
        v.reduce((sum, e) => sum + e * e, 0),
      ),
    );
    return v.map((e) => e / norm);
  });
}

/** Softmax over channels. */
export function softmaxReference(x: Array4): Array4 {
  return perPixel(x, (v) => {
    const top = Math.max(...v);
    const powers = v.map((e) => Math.exp(e - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((e) => e / sum);
  });
}

function perPixel(x: Array4, f: (channels: number[]) => number[]): Array4 {
  const c = x.shape[3];
  const y = empty(x.shape);
  for (let i = 0; i < x.data.length; i += c) y.data.set(f([...x.data.subarray(i, i + c)]), i);
  return y;
}
