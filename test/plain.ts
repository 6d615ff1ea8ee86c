import {
  type Conv,
  type Dense,
  type Layer,
  type Network,
  type Pool,
  type Shape,
  shapes,
} from '../src/engine/network.ts';
import type { Parameter } from '../src/engine/onnx.ts';

/** An N H W C tensor. */
export interface Values {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/**
 * Every tensor of a network by the definition of each layer in network.ts, in double precision, one
 * output value at a time: slow, and independent of the kernels and of the ONNX export it judges.
 */
export function evaluate(
  network: Network,
  weights: ReadonlyMap<string, Parameter>,
  input: Values,
): Map<string, Values> {
  const all = shapes(network, input.shape);
  const known = new Map([['input', input]]);
  for (const layer of network.layers) {
    const shape = all.get(layer.name)!;
    const at = rule(layer, known, (suffix) => weights.get(`${layer.name}/${suffix}`)!.data);
    const data = new Float32Array(shape.reduce((a, b) => a * b));
    let i = 0;
    for (let n = 0; n < shape[0]; n++)
      for (let h = 0; h < shape[1]; h++)
        for (let w = 0; w < shape[2]; w++)
          for (let c = 0; c < shape[3]; c++) data[i++] = at(n, h, w, c);
    known.set(layer.name, { shape, data });
  }
  return known;
}

type At = (n: number, h: number, w: number, c: number) => number;

const index = ([, H, W, C]: Shape, n: number, h: number, w: number, c: number) =>
  ((n * H + h) * W + w) * C + c;

function rule(
  layer: Layer,
  known: ReadonlyMap<string, Values>,
  weight: (suffix: string) => Float32Array,
): At {
  const read = (name: string): At => {
    const { shape, data } = known.get(name)!;
    return (n, h, w, c) => data[index(shape, n, h, w, c)];
  };
  if (layer.op === 'concat') {
    const parts = layer.xs.map((name) => ({ at: read(name), channels: known.get(name)!.shape[3] }));
    return (n, h, w, c) => {
      for (const { at, channels } of parts) {
        if (c < channels) return at(n, h, w, c);
        c -= channels;
      }
      throw new RangeError('channel beyond the concatenation');
    };
  }
  const { shape } = known.get(layer.x)!;
  const x = read(layer.x);
  const [, H, W, C] = shape;
  const sumOf = (count: number, f: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += f(i);
    return sum;
  };
  switch (layer.op) {
    case 'conv':
      return conv(
        layer,
        shape,
        x,
        weight,
        layer.residual === undefined ? undefined : read(layer.residual),
      );
    case 'dense': {
      const [matrix, bias] = [weight('weight'), weight('bias')];
      const flat = known.get(layer.x)!.data;
      return (n, _h, _w, k) =>
        activate(
          layer,
          weight,
          k,
          bias[k] + sumOf(layer.cin, (i) => flat[n * layer.cin + i] * matrix[i * layer.cout + k]),
        );
    }
    case 'maxPool':
    case 'averagePool':
      return pool(layer, shape, x);
    case 'globalAverage':
      return (n, _h, _w, c) => sumOf(H * W, (i) => x(n, Math.floor(i / W), i % W, c)) / (H * W);
    case 'gate': {
      const [gate, residual] = [read(layer.gate), read(layer.residual)];
      return (n, h, w, c) => Math.max(0, x(n, h, w, c) * gate(n, 0, 0, c) + residual(n, h, w, c));
    }
    case 'l2normalize':
      return (n, h, w, c) =>
        x(n, h, w, c) /
        Math.sqrt(
          Math.max(
            1e-10,
            sumOf(C, (i) => x(n, h, w, i) ** 2),
          ),
        );
    case 'softmax':
      return (n, h, w, c) => Math.exp(x(n, h, w, c)) / sumOf(C, (i) => Math.exp(x(n, h, w, i)));
  }
}

function conv(
  layer: Conv,
  [, H, W]: Shape,
  x: At,
  weight: (suffix: string) => Float32Array,
  residual?: At,
): At {
  const [kernel, bias] = [weight('weight'), weight('bias')];
  const { cin, cout } = layer;
  return (n, h, w, k) => {
    let sum = bias[k] + (residual?.(n, h, w, k) ?? 0);
    for (const [row, i] of inside(layer, 0, h, H))
      for (const [column, j] of inside(layer, 1, w, W))
        for (let c = 0; c < cin; c++)
          sum += x(n, row, column, c) * kernel[((i * layer.kernel[1] + j) * cin + c) * cout + k];
    return activate(layer, weight, k, sum);
  };
}

function pool(layer: Pool, [, H, W]: Shape, x: At): At {
  return (n, h, w, c) => {
    const seen = inside(layer, 0, h, H).flatMap(([row]) =>
      inside(layer, 1, w, W).map(([column]) => x(n, row, column, c)),
    );
    return layer.op === 'maxPool' ? Math.max(...seen) : seen.reduce((a, b) => a + b) / seen.length;
  };
}

/** Where the window of output `o` meets the input along one axis: [position, tap]. */
function inside(layer: Conv | Pool, axis: 0 | 1, o: number, length: number): [number, number][] {
  const start = o * layer.stride[axis] - layer.pad[axis === 0 ? 0 : 3];
  return Array.from({ length: layer.kernel[axis] }, (_, tap): [number, number] => [
    start + tap,
    tap,
  ]).filter(([position]) => position >= 0 && position < length);
}

function activate(
  layer: Conv | Dense,
  weight: (suffix: string) => Float32Array,
  channel: number,
  v: number,
): number {
  switch (layer.activation) {
    case 'none':
      return v;
    case 'relu':
      return Math.max(0, v);
    case 'prelu':
      return v > 0 ? v : v * weight('slope')[channel];
    case 'sigmoid':
      return 1 / (1 + Math.exp(-v));
  }
}
