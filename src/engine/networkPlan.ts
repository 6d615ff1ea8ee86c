import { type Layout, type Lifetime, layOut } from '../gpu/arena.ts';
import type { Scope, Step } from '../gpu/plan.ts';
import { byteLength, dense, padded, type Tensor } from '../gpu/tensor.ts';
import { conv } from '../kernels/conv.ts';
import { gate } from '../kernels/gate.ts';
import { globalAverage } from '../kernels/globalAverage.ts';
import { copy, pool } from '../kernels/pool.ts';
import { rows } from '../kernels/rows.ts';
import { type Concat, type Layer, type Network, reads, type Shape, shapes } from './network.ts';
import { layerReference } from './networkReference.ts';
import type { PlannedStep } from './plannedStep.ts';
import type { WeightBuffer } from './weightBuffer.ts';
import { scratchNames, scratchShapes, winogradLayers } from './winogradLayers.ts';
import { planWinograd } from './winogradPlan.ts';

/** Where a tensor of the network lies: in storage of its own, or as channels of a concatenation. */
interface Place {
  readonly owner: string;
  readonly channel: number;
}

/** The memory of one network at one input shape. */
export interface NetworkLayout {
  readonly network: Network;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly places: ReadonlyMap<string, Place>;
  /** Floats between the pixels of a tensor that owns its storage. */
  readonly strides: ReadonlyMap<string, number>;
  readonly arena: Layout;
}

/** A network ready to run: write `input`, encode `steps`, read `outputs`. */
export interface NetworkPlan {
  readonly steps: readonly PlannedStep[];
  readonly input: Tensor;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/**
 * Lays out the tensors of a network for an input [N, H, W, C] by liveness. The parts of a
 * concatenation are made in place, as channel slices of it, wherever a kernel that can write slices
 * makes them and nothing else owns them.
 */
export function layOutNetwork(network: Network, input: Shape): NetworkLayout {
  const known = shapes(network, input);
  const scratch = scratchOf(network, known);
  const places = placeTensors(network, known);
  const lives = new Map<string, { first: number; last: number }>();
  const touch = (name: string, at: number) => {
    const owner = places.get(name)!.owner;
    const life = lives.get(owner);
    lives.set(owner, {
      first: Math.min(life?.first ?? at, at),
      last: Math.max(life?.last ?? at, at),
    });
  };
  touch('input', -1);
  network.layers.forEach((layer, at) => {
    touch(layer.name, at);
    for (const x of reads(layer)) touch(x, at);
  });
  for (const name of network.outputs) touch(name, network.layers.length);
  const strides = new Map<string, number>();
  const lifetimes: Lifetime[] = [...lives].map(([name, life]) => {
    const [n, h, w, c] = known.get(name)!;
    const stride = canBeSpread(network, name) ? spread(padded(c), h * w) : padded(c);
    strides.set(name, stride);
    return { name, bytes: n * h * w * stride * 4, ...life };
  });
  for (const { name, shape, at } of scratch) {
    lifetimes.push({ name, bytes: byteLength(shape), first: at, last: at });
    known.set(name, shape);
    places.set(name, { owner: name, channel: 0 });
    strides.set(name, padded(shape[3]));
  }
  return { network, shapes: known, places, strides, arena: layOut(lifetimes) };
}

/**
 * The stride of pixels of so many channels. Where it is a multiple of 2 KB all pixels of a tile would
 * fall into the same few sets of a CPU's first cache, so there it is a cache line more.
 */
function spread(channels: number, area: number): number {
  return area > 1 && channels % 512 === 0 ? channels + 16 : channels;
}

/** Whether nobody needs the pixels of the tensor to be dense. */
function canBeSpread(network: Network, name: string): boolean {
  if (name === 'input' || network.outputs.includes(name)) return false;
  return !network.layers.some((layer) => layer.op === 'dense' && layer.x === name);
}

/** What lies between the steps of a layer: its name, shape, and the layer's index. */
function scratchOf(
  network: Network,
  known: ReadonlyMap<string, Shape>,
): { name: string; shape: Shape; at: number }[] {
  const winograd = winogradLayers(network);
  return network.layers.flatMap((layer, at) => {
    if (layer.op !== 'conv' || !winograd.has(layer.name)) return [];
    const names = scratchNames(layer.name);
    return scratchShapes(layer, known.get(layer.name)!).map((shape, i) => ({
      name: names[i],
      shape,
      at,
    }));
  });
}

function placeTensors(network: Network, known: ReadonlyMap<string, Shape>): Map<string, Place> {
  const makers = new Map(network.layers.map((layer) => [layer.name, layer]));
  const places = new Map<string, Place>([['input', { owner: 'input', channel: 0 }]]);
  for (const layer of network.layers) places.set(layer.name, { owner: layer.name, channel: 0 });
  for (const layer of network.layers) {
    if (layer.op !== 'concat') continue;
    let channel = 0;
    for (const x of layer.xs) {
      const width = known.get(x)![3];
      const free = places.get(x)!.owner === x && canWriteSlice(makers.get(x));
      if (free && channel % 4 === 0 && width % 4 === 0 && onlySlicesRead(network, x))
        places.set(x, { owner: layer.name, channel });
      channel += width;
    }
  }
  return places;
}

function canWriteSlice(layer: Layer | undefined): boolean {
  return layer?.op === 'conv' || layer?.op === 'maxPool' || layer?.op === 'averagePool';
}

/** Whether every reader of the tensor can read a channel slice. */
function onlySlicesRead(network: Network, name: string): boolean {
  if (network.outputs.includes(name)) return false;
  return network.layers.every(
    (layer) => !reads(layer).includes(name) || layer.op === 'concat' || canWriteSlice(layer),
  );
}

/**
 * Allocates nothing but uniforms: the plan works in `arena`, which must hold `layout.arena.bytes`.
 * @throws Error naming the layer whose kernel cannot be launched.
 */
export async function planNetwork(
  scope: Scope,
  layout: NetworkLayout,
  weights: WeightBuffer,
  arena: GPUBuffer,
): Promise<NetworkPlan> {
  const tensor = (name: string): Tensor => {
    const { owner, channel } = layout.places.get(name)!;
    const stride = layout.strides.get(owner)!;
    const offset = layout.arena.offsets.get(owner)!;
    return { buffer: arena, offset, shape: layout.shapes.get(name)!, stride, channel };
  };
  const winograd = winogradLayers(layout.network);
  const steps = await Promise.all(
    layout.network.layers.map(async (layer): Promise<PlannedStep[]> => {
      if (layer.op === 'concat') return gather(scope, layout, layer, tensor);
      if (layer.op === 'conv' && winograd.has(layer.name))
        return planWinograd(scope, layer, weights.get(layer.name)!, tensor);
      const step = await planLayer(scope, layer, weights, tensor);
      return [planned(step, layer, reads(layer).map(tensor), tensor(layer.name))];
    }),
  );
  return {
    steps: steps.flat(),
    input: tensor('input'),
    outputs: new Map(layout.network.outputs.map((name) => [name, tensor(name)])),
  };
}

/** A step that makes all of a layer out of what it reads. */
function planned(step: Step, layer: Layer, inputs: Tensor[], output: Tensor): PlannedStep {
  const reference: PlannedStep['reference'] = (x, all) => layerReference(layer, x, all);
  return { ...step, layer, inputs, output, reference };
}

function gather(
  scope: Scope,
  layout: NetworkLayout,
  layer: Concat,
  tensor: (name: string) => Tensor,
): Promise<PlannedStep[]> {
  const whole = tensor(layer.name);
  let channel = whole.channel;
  const copies: Promise<PlannedStep>[] = [];
  for (const name of layer.xs) {
    const x = tensor(name);
    if (layout.places.get(name)!.owner !== layer.name) {
      const output = { ...whole, shape: x.shape, channel };
      copies.push(
        copy(scope, layer.name, x, output).then((step) =>
          planned(step, { ...layer, xs: [name] }, [x], output),
        ),
      );
    }
    channel += x.shape[3];
  }
  return Promise.all(copies);
}

function planLayer(
  scope: Scope,
  layer: Exclude<Layer, Concat>,
  weights: WeightBuffer,
  tensor: (name: string) => Tensor,
): Promise<Step> {
  const label = layer.name;
  const x = tensor(layer.x);
  const y = tensor(layer.name);
  switch (layer.op) {
    case 'conv':
      return conv(scope, {
        ...weights.get(layer.name)!,
        label,
        x,
        y,
        residual: layer.residual === undefined ? undefined : tensor(layer.residual),
        kernel: layer.kernel,
        stride: layer.stride,
        pad: [layer.pad[0], layer.pad[3]],
        activation: layer.activation,
      });
    case 'dense':
      return conv(scope, {
        ...weights.get(layer.name)!,
        label,
        x: flatten(label, x),
        y,
        kernel: [1, 1],
        stride: [1, 1],
        pad: [0, 0],
        activation: layer.activation,
      });
    case 'maxPool':
    case 'averagePool':
      return pool(scope, {
        label,
        kind: layer.op === 'maxPool' ? 'max' : 'average',
        x,
        y,
        kernel: layer.kernel,
        stride: layer.stride,
        pad: [layer.pad[0], layer.pad[3]],
      });
    case 'globalAverage':
      return globalAverage(scope, label, x, y);
    case 'gate':
      return gate(scope, {
        label,
        x,
        gate: tensor(layer.gate),
        residual: tensor(layer.residual),
        y,
      });
    case 'l2normalize':
      return rows(scope, label, 'l2', x, y);
    case 'softmax':
      return rows(scope, label, 'softmax', x, y);
  }
}

function flatten(label: string, x: Tensor): Tensor {
  const [n, h, w, c] = x.shape;
  if (x.stride !== c && h * w > 1)
    throw new Error(`dense ${label}: ${c} channels at stride ${x.stride} do not flatten`);
  return dense(x.buffer, x.offset, [n, 1, 1, h * w * c]);
}
