import { type Layer, type Network, type Size, shapes } from '../../src/engine/network.ts';
import type { Parameter } from '../../src/engine/weightBuffer.ts';
import {
  type Array4,
  concatReference,
  convReference,
  gateReference,
  globalAverageReference,
  l2Reference,
  poolReference,
  softmaxReference,
} from '../../src/kernels/reference.ts';
import { randomArray } from './random.ts';

/** Every tensor of a network by the scalar references: slow, for small networks. */
export function evaluate(
  network: Network,
  weights: ReadonlyMap<string, Parameter>,
  input: Array4,
): Map<string, Array4> {
  const known = new Map([['input', input]]);
  const all = shapes(network, input.shape);
  for (const layer of network.layers) {
    const [, ...out] = all.get(layer.name)!;
    known.set(layer.name, apply(layer, [out[0], out[1]], known, weights));
  }
  return known;
}

function apply(
  layer: Layer,
  out: Size,
  known: ReadonlyMap<string, Array4>,
  weights: ReadonlyMap<string, Parameter>,
): Array4 {
  const of = (name: string) => known.get(name)!;
  if (layer.op === 'concat') return concatReference(layer.xs.map(of));
  const x = of(layer.x);
  switch (layer.op) {
    case 'conv':
    case 'dense': {
      const part = (suffix: string) => weights.get(`${layer.name}/${suffix}`)?.data;
      const whole = { kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] } as const;
      const { kernel, stride, pad } = layer.op === 'conv' ? layer : whole;
      return convReference(layer.op === 'conv' ? x : flat(x), part('weight')!, {
        kernel,
        stride,
        pad: [pad[0], pad[3]],
        out,
        activation: layer.activation,
        bias: part('bias')!,
        slope: part('slope'),
        residual: layer.op === 'conv' && layer.residual ? of(layer.residual).data : undefined,
      });
    }
    case 'maxPool':
    case 'averagePool': {
      const { kernel, stride, pad } = layer;
      const kind = layer.op === 'maxPool' ? 'max' : 'average';
      return poolReference(x, { kind, kernel, stride, pad: [pad[0], pad[3]], out });
    }
    case 'globalAverage':
      return globalAverageReference(x);
    case 'gate':
      return gateReference(x, of(layer.gate), of(layer.residual));
    case 'l2normalize':
      return l2Reference(x);
    case 'softmax':
      return softmaxReference(x);
  }
}

function flat({ shape: [n, h, w, c], data }: Array4): Array4 {
  return { shape: [n, 1, 1, h * w * c], data };
}

/** Random values of a shape. */
export function randomTensor(seed: number, shape: Array4['shape']): Array4 {
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape, data: randomArray(seed, length) };
}
