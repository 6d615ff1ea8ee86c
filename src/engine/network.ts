/**
 * A network is data: a list of layers. The same list drives the GPU plan, the weight importers,
 * the scalar reference and the ONNX export.
 *
 * Tensors are N H W C and known by the name of the layer that makes them; the network's input is
 * called `input`. A dense layer flattens its input in H W C order.
 */

export type Activation = 'none' | 'relu' | 'prelu';

/** Height and width. */
export type Size = readonly [h: number, w: number];

/** Zero padding of each side in pixels. */
export type Pad = readonly [top: number, right: number, bottom: number, left: number];

/** Batch normalisation that followed a convolution in the published network; folded at import. */
export interface BatchNorm {
  readonly epsilon: number;
  /** Whether the published layer has a learned gamma. */
  readonly gamma: boolean;
}

interface Weighted {
  readonly name: string;
  readonly x: string;
  readonly cin: number;
  readonly cout: number;
  readonly activation: Activation;
  /** Whether the published layer has a bias of its own (after folding every layer has one). */
  readonly bias: boolean;
  readonly batchNorm?: BatchNorm;
  /** Constant by which the published network multiplies the output; folded at import. */
  readonly scale?: number;
}

/** y = activation(x * weight + bias + residual). Weight [KH, KW, Cin, Cout]. */
export interface Conv extends Weighted {
  readonly op: 'conv';
  readonly kernel: Size;
  readonly stride: Size;
  readonly pad: Pad;
  readonly residual?: string;
}

/** y = activation(flatten(x) · weight + bias). Weight [Cin, Cout], Cin = H·W·C. */
export interface Dense extends Weighted {
  readonly op: 'dense';
}

/** Window maximum or mean. `ceil` rounds the output size up; windows then reach past the edge and ignore what lies there. */
export interface Pool {
  readonly op: 'maxPool' | 'averagePool';
  readonly name: string;
  readonly x: string;
  readonly kernel: Size;
  readonly stride: Size;
  readonly pad: Pad;
  readonly ceil: boolean;
}

/** Mean over H and W: [N, 1, 1, C]. */
export interface GlobalAverage {
  readonly op: 'globalAverage';
  readonly name: string;
  readonly x: string;
}

/** Squeeze-and-excitation tail: y = relu(x · sigmoid(gate) + residual), gate [N, 1, 1, C]. */
export interface ScaleShift {
  readonly op: 'gate';
  readonly name: string;
  readonly x: string;
  readonly gate: string;
  readonly residual: string;
}

/** Concatenation over channels. */
export interface Concat {
  readonly op: 'concat';
  readonly name: string;
  readonly xs: readonly string[];
}

/** y = x / sqrt(max(Σ x², 1e-10)) over channels of [N, 1, 1, C]. */
export interface L2Normalize {
  readonly op: 'l2normalize';
  readonly name: string;
  readonly x: string;
}

/** Softmax over channels of [N, 1, 1, C]. */
export interface Softmax {
  readonly op: 'softmax';
  readonly name: string;
  readonly x: string;
}

export type Layer =
  | Conv
  | Dense
  | Pool
  | GlobalAverage
  | ScaleShift
  | Concat
  | L2Normalize
  | Softmax;

export interface Network {
  readonly name: string;
  /** H W C of the input; 0 for H and W where any size is accepted. */
  readonly input: readonly [h: number, w: number, c: number];
  readonly layers: readonly Layer[];
  /** Names of the layers whose tensors are the results. */
  readonly outputs: readonly string[];
}

/** N H W C. */
export type Shape = readonly [n: number, h: number, w: number, c: number];

/** Folded parameter tensors of a layer: names as in the safetensors cache, shapes without padding. */
export function parameters(layer: Layer): { name: string; shape: readonly number[] }[] {
  if (layer.op !== 'conv' && layer.op !== 'dense') return [];
  const weight =
    layer.op === 'conv' ? [...layer.kernel, layer.cin, layer.cout] : [layer.cin, layer.cout];
  const list = [
    { name: `${layer.name}/weight`, shape: weight },
    { name: `${layer.name}/bias`, shape: [layer.cout] },
  ];
  if (layer.activation === 'prelu') list.push({ name: `${layer.name}/slope`, shape: [layer.cout] });
  return list;
}

/** The tensors a layer reads. */
export function reads(layer: Layer): readonly string[] {
  switch (layer.op) {
    case 'concat':
      return layer.xs;
    case 'gate':
      return [layer.x, layer.gate, layer.residual];
    case 'conv':
      return layer.residual === undefined ? [layer.x] : [layer.x, layer.residual];
    default:
      return [layer.x];
  }
}

/** Output length of a window operation along one axis. */
export function windows(
  length: number,
  kernel: number,
  stride: number,
  padding: number,
  ceil = false,
): number {
  const steps = (length + padding - kernel) / stride;
  return (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
}

/**
 * The shape of every tensor of the network for one input shape.
 * @throws Error naming the layer whose input does not fit.
 */
export function shapes(network: Network, input: Shape): Map<string, Shape> {
  const known = new Map<string, Shape>([['input', input]]);
  const of = (layer: Layer, name: string): Shape => {
    const shape = known.get(name);
    if (!shape) throw new Error(`${network.name}: ${layer.name} reads ${name} before it is made`);
    return shape;
  };
  for (const layer of network.layers)
    known.set(
      layer.name,
      shapeOf(layer, (n) => of(layer, n)),
    );
  return known;
}

function shapeOf(layer: Layer, of: (name: string) => Shape): Shape {
  if (layer.op === 'concat') {
    const [n, h, w] = of(layer.xs[0]);
    return [n, h, w, layer.xs.reduce((sum, x) => sum + of(x)[3], 0)];
  }
  const [n, h, w, c] = of(layer.x);
  switch (layer.op) {
    case 'conv':
      if (c !== layer.cin) throw new Error(`${layer.name}: Cin ${layer.cin} but input has ${c}`);
      return [n, ...windowed(layer, h, w, false), layer.cout];
    case 'dense':
      if (h * w * c !== layer.cin)
        throw new Error(`${layer.name}: Cin ${layer.cin} but input has ${h}·${w}·${c}`);
      return [n, 1, 1, layer.cout];
    case 'maxPool':
    case 'averagePool':
      return [n, ...windowed(layer, h, w, layer.ceil), c];
    case 'globalAverage':
      return [n, 1, 1, c];
    case 'gate':
    case 'l2normalize':
    case 'softmax':
      return [n, h, w, c];
  }
}

function windowed(layer: Conv | Pool, h: number, w: number, ceil: boolean): [number, number] {
  const [top, right, bottom, left] = layer.pad;
  const size: [number, number] = [
    windows(h, layer.kernel[0], layer.stride[0], top + bottom, ceil),
    windows(w, layer.kernel[1], layer.stride[1], left + right, ceil),
  ];
  if (size[0] < 1 || size[1] < 1)
    throw new Error(`${layer.name}: kernel ${layer.kernel} does not fit into ${h}×${w}`);
  return size;
}
