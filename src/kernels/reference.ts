/**
 * The scalar version of every kernel: its specification. Plain loops over dense N H W C arrays,
 * accumulated in double precision, for one element of the output at a time, so that large outputs
 * can be checked by sample; `whole` makes all of them.
 */

export interface Array4 {
  readonly shape: readonly [n: number, h: number, w: number, c: number];
  readonly data: Float32Array;
}

/** The value of an output at one position. */
export type Element = (n: number, y: number, x: number, c: number) => number;

/** Every element of a shape. */
export function whole(shape: Array4['shape'], element: Element): Array4 {
  const [n, h, w, c] = shape;
  const data = new Float32Array(n * h * w * c);
  let i = 0;
  for (let b = 0; b < n; b++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) for (let k = 0; k < c; k++) data[i++] = element(b, y, x, k);
  return { shape, data };
}

function at({ shape: [, h, w, c], data }: Array4, n: number, y: number, x: number, k: number) {
  return data[((n * h + y) * w + x) * c + k];
}

export interface ConvReference {
  readonly kernel: readonly [h: number, w: number];
  readonly stride: readonly [h: number, w: number];
  readonly pad: readonly [top: number, left: number];
  readonly activation: 'none' | 'relu' | 'prelu';
  readonly bias: Float32Array;
  readonly slope?: Float32Array;
  /** The shape of the output. */
  readonly residual?: Array4;
}

/** y = activation(x * weight + bias + residual); weight [KH, KW, Cin, Cout]. */
export function convReference(x: Array4, weight: Float32Array, o: ConvReference): Element {
  const [, h, w, cin] = x.shape;
  const cout = o.bias.length;
  return (b, oy, ox, co) => {
    let sum = o.bias[co] + (o.residual ? at(o.residual, b, oy, ox, co) : 0);
    for (let dy = 0; dy < o.kernel[0]; dy++)
      for (let dx = 0; dx < o.kernel[1]; dx++) {
        const iy = oy * o.stride[0] - o.pad[0] + dy;
        const ix = ox * o.stride[1] - o.pad[1] + dx;
        if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
        for (let ci = 0; ci < cin; ci++)
          sum += at(x, b, iy, ix, ci) * weight[((dy * o.kernel[1] + dx) * cin + ci) * cout + co];
      }
    return activate(sum, o.activation, o.slope?.[co] ?? 0);
  };
}

function activate(v: number, kind: ConvReference['activation'], slope: number): number {
  if (kind === 'none' || v > 0) return v;
  return kind === 'relu' ? 0 : slope * v;
}

export interface PoolReference {
  readonly kind: 'max' | 'average';
  readonly kernel: readonly [h: number, w: number];
  readonly stride: readonly [h: number, w: number];
  readonly pad: readonly [top: number, left: number];
}

/** Window maximum or mean over the cells that lie inside x. */
export function poolReference(x: Array4, o: PoolReference): Element {
  const [, h, w] = x.shape;
  return (b, oy, ox, k) => {
    const seen: number[] = [];
    for (let dy = 0; dy < o.kernel[0]; dy++)
      for (let dx = 0; dx < o.kernel[1]; dx++) {
        const iy = oy * o.stride[0] - o.pad[0] + dy;
        const ix = ox * o.stride[1] - o.pad[1] + dx;
        if (iy >= 0 && iy < h && ix >= 0 && ix < w) seen.push(at(x, b, iy, ix, k));
      }
    return o.kind === 'max' ? Math.max(...seen) : mean(seen);
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

/** Mean over H and W, [N, 1, 1, C]. */
export function globalAverageReference(x: Array4): Element {
  const [, h, w] = x.shape;
  return (b, _y, _x, k) => {
    let sum = 0;
    for (let y = 0; y < h; y++)
      for (let column = 0; column < w; column++) sum += at(x, b, y, column, k);
    return sum / (h * w);
  };
}

/** relu(x · sigmoid(gate) + residual); gate [N, 1, 1, C]. */
export function gateReference(x: Array4, gate: Array4, residual: Array4): Element {
  return (b, y, column, k) => {
    const factor = 1 / (1 + Math.exp(-at(gate, b, 0, 0, k)));
    return Math.max(0, at(x, b, y, column, k) * factor + at(residual, b, y, column, k));
  };
}

/** Concatenation over channels. */
export function concatReference(xs: readonly Array4[]): Element {
  return (b, y, column, k) => {
    let channel = k;
    const x = xs.find(({ shape }) => {
      if (channel < shape[3]) return true;
      channel -= shape[3];
      return false;
    })!;
    return at(x, b, y, column, channel);
  };
}

/** x / sqrt(max(Σ x², 1e-10)) over channels. */
export function l2Reference(x: Array4): Element {
  const norm = perPixel(x, (channels) =>
    Math.sqrt(
      Math.max(
        1e-10,
        channels.reduce((sum, e) => sum + e * e, 0),
      ),
    ),
  );
  return (b, y, column, k) => at(x, b, y, column, k) / norm(b, y, column);
}

/** Softmax over channels. */
export function softmaxReference(x: Array4): Element {
  // The logarithm of Σ exp(x), shifted by the greatest so that nothing overflows.
  const total = perPixel(x, (channels) => {
    const top = channels.reduce((a, b) => Math.max(a, b));
    return top + Math.log(channels.reduce((sum, e) => sum + Math.exp(e - top), 0));
  });
  return (b, y, column, k) => Math.exp(at(x, b, y, column, k) - total(b, y, column));
}

// A value of each pixel's channels, made when first asked for.
function perPixel({ shape: [, h, w, c], data }: Array4, f: (channels: Float32Array) => number) {
  const known = new Map<number, number>();
  return (n: number, y: number, x: number): number => {
    const from = ((n * h + y) * w + x) * c;
    const value = known.get(from) ?? f(data.subarray(from, from + c));
    known.set(from, value);
    return value;
  };
}
