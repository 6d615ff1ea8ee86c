import { type Scope, storage } from '../gpu/plan.ts';
import { padded } from '../gpu/tensor.ts';
import { type ConvWeights, packWeights } from '../kernels/conv.ts';
import { ELEMENTS, transformWeights } from '../kernels/winograd.ts';
import { type Network, parameters } from './network.ts';
import { winogradLayers } from './winogradLayers.ts';

/** A parameter tensor on the CPU. */
export interface Parameter {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A layer's parameters on the GPU; those of a Winograd layer are transformed. */
export interface LayerWeights extends ConvWeights {
  /** Of Winograd layers: as many zeros as the bias has values. */
  readonly zeros?: GPUBufferBinding;
}

/** A network's parameters on the GPU, by layer name, all in one buffer. */
export type WeightBuffer = ReadonlyMap<string, LayerWeights>;

const ALIGNMENT = 256;

/**
 * Packs the parameters of every layer for the kernels and uploads them.
 * @throws Error naming a parameter that is missing or misshapen.
 */
export function uploadWeights(
  scope: Scope,
  network: Network,
  tensors: ReadonlyMap<string, Parameter>,
): WeightBuffer {
  const parts: { layer: string; slot: keyof LayerWeights; data: Float32Array }[] = [];
  const winograd = winogradLayers(network);
  for (const layer of network.layers) {
    for (const { name, shape } of parameters(layer)) {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${network.name}: parameter ${name} is missing`);
      if (String(tensor.shape) !== String(shape))
        throw new Error(`${network.name}: ${name} is [${tensor.shape}], not [${shape}]`);
      const slot = name.slice(layer.name.length + 1) as keyof LayerWeights;
      const pack = winograd.has(layer.name) ? packTransformed : packPlain;
      const data = slot === 'weight' ? pack(tensor) : widen(tensor.data);
      parts.push({ layer: layer.name, slot, data });
      if (slot === 'bias' && winograd.has(layer.name))
        parts.push({ layer: layer.name, slot: 'zeros', data: new Float32Array(data.length) });
    }
  }
  const spans = parts.map((p) => Math.ceil(p.data.byteLength / ALIGNMENT) * ALIGNMENT);
  const bytes = spans.reduce((sum, span) => sum + span, 0);
  const buffer = storage(scope, bytes, `${network.name} weights`);
  const weights = new Map<string, Partial<Record<keyof LayerWeights, GPUBufferBinding>>>();
  let offset = 0;
  parts.forEach(({ layer, slot, data }, i) => {
    scope.gpu.device.queue.writeBuffer(buffer, offset, data as Float32Array<ArrayBuffer>);
    const entry = weights.get(layer) ?? {};
    entry[slot] = { buffer, offset, size: data.byteLength };
    weights.set(layer, entry);
    offset += spans[i];
  });
  return weights as Map<string, LayerWeights>;
}

function packTransformed({ shape: [, , cin, cout], data }: Parameter): Float32Array {
  return packWeights(transformWeights(data), 1, cin, cout, ELEMENTS);
}

function packPlain({ shape, data }: Parameter): Float32Array {
  const [cin, cout] = shape.slice(-2);
  const taps = shape.slice(0, -2).reduce((product, n) => product * n, 1);
  return packWeights(data, taps, cin, cout);
}

function widen(values: Float32Array): Float32Array {
  const wide = new Float32Array(padded(values.length));
  wide.set(values);
  return wide;
}
