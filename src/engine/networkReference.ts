import {
  type Array4,
  concatReference,
  convReference,
  type Element,
  gateReference,
  globalAverageReference,
  l2Reference,
  poolReference,
  softmaxReference,
  whole,
} from '../kernels/reference.ts';
import { type Conv, type Dense, type Layer, type Network, reads, shapes } from './network.ts';
import type { Parameter } from './weightBuffer.ts';

type Weights = ReadonlyMap<string, Parameter>;

/** What a layer makes of its inputs, in the order of `reads(layer)`, by the scalar reference. */
export function layerReference(layer: Layer, inputs: readonly Array4[], weights: Weights): Element {
  const [x, second, third] = inputs;
  switch (layer.op) {
    case 'conv':
    case 'dense':
      return weighted(layer, x, second, weights);
    case 'maxPool':
    case 'averagePool': {
      const { kernel, stride, pad } = layer;
      const kind = layer.op === 'maxPool' ? 'max' : 'average';
      return poolReference(x, { kind, kernel, stride, pad: [pad[0], pad[3]] });
    }
    case 'globalAverage':
      return globalAverageReference(x);
    case 'gate':
      return gateReference(x, second, third);
    case 'concat':
      return concatReference(inputs);
    case 'l2normalize':
      return l2Reference(x);
    case 'softmax':
      return softmaxReference(x);
  }
}

/** Every tensor of a network by the scalar reference: slow, for small networks. */
export function evaluate(network: Network, weights: Weights, input: Array4): Map<string, Array4> {
  const known = new Map([['input', input]]);
  const all = shapes(network, input.shape);
  for (const layer of network.layers) {
    const inputs = reads(layer).map((name) => known.get(name)!);
    known.set(layer.name, whole(all.get(layer.name)!, layerReference(layer, inputs, weights)));
  }
  return known;
}

function weighted(
  layer: Conv | Dense,
  x: Array4,
  residual: Array4 | undefined,
  weights: Weights,
): Element {
  const part = (suffix: string) => weights.get(`${layer.name}/${suffix}`)?.data;
  const cell = { kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] } as const;
  const { kernel, stride, pad } = layer.op === 'conv' ? layer : cell;
  return convReference(layer.op === 'conv' ? x : flat(x), part('weight')!, {
    kernel,
    stride,
    pad: [pad[0], pad[3]],
    activation: layer.activation,
    bias: part('bias')!,
    slope: part('slope'),
    residual,
  });
}

function flat({ shape: [n, h, w, c], data }: Array4): Array4 {
  return { shape: [n, 1, 1, h * w * c], data };
}
