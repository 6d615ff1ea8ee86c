import type { Gpu } from '../gpu/device.ts';
import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, padded, pixels, type Tensor } from '../gpu/tensor.ts';
import { grid } from './grid.ts';

export type Activation = 'none' | 'relu' | 'prelu' | 'sigmoid';

/** Weights of a convolution on the GPU, in the order conv.wgsl reads them (see `packWeights`). */
export interface ConvWeights {
  readonly weight: GPUBufferBinding;
  readonly bias: GPUBufferBinding;
  readonly slope?: GPUBufferBinding;
}

export interface ConvArgs extends ConvWeights {
  readonly label: string;
  readonly x: Tensor;
  readonly y: Tensor;
  /** Added before the activation; the shape of y. */
  readonly residual?: Tensor;
  readonly kernel: readonly [h: number, w: number];
  readonly stride: readonly [h: number, w: number];
  /** Rows and columns of zeros before the first; those behind follow from the shape of y. */
  readonly pad: readonly [top: number, left: number];
  readonly activation: Activation;
}

const CONV = kernel(import.meta.url, 'conv', [
  'storage',
  'read',
  'read',
  'read',
  'storage',
  'storage',
  'uniform',
]);

const ACTIVATION = { none: 0, relu: 1, prelu: 2, sigmoid: 3 } as const;

/** How a convolution is cut for a device. */
export interface ConvTile {
  /** Lanes that share pixel values: 8, or 4 where subgroups are that small (SwiftShader). */
  readonly lanes: 4 | 8;
  /** Output pixels of an invocation. */
  readonly pixels: number;
  /** Invocations of a workgroup, 4 output channels each. */
  readonly width: number;
}

/**
 * The tile for M output pixels and Cout channels on a device with these subgroup sizes.
 * 8 pixels keep lavapipe's compile time at 1 s; more were no faster within its noise.
 */
export function convTile(subgroup: readonly [number, number], m: number, cout: number): ConvTile {
  const lanes = subgroup[0] < 8 ? 4 : 8;
  const wanted = Math.ceil(cout / 4 / lanes) * lanes;
  const widest = Math.max(lanes, Math.min(64, subgroup[1]));
  return {
    lanes,
    pixels: m >= 8 ? 8 : m >= 3 ? 4 : m,
    width: Math.min(widest, wanted),
  };
}

/** Lanes of the device's convolution tile; the packing of the weights depends on it. */
export function convLanes(gpu: Gpu): number {
  return convTile(gpu.adapter.subgroupSize, 8, 32).lanes;
}

/**
 * Weights [KH, KW, Cin, Cout] as conv.wgsl reads them: Cin and Cout padded to 4, K padded with zero
 * rows to a multiple of 4·lanes.
 */
export function packWeights(
  weight: Float32Array,
  taps: number,
  cin: number,
  cout: number,
  lanes: number,
): Float32Array {
  const ci4 = padded(cin);
  const co4 = padded(cout);
  const rows = Math.ceil((taps * ci4) / (4 * lanes)) * 4 * lanes;
  const packed = new Float32Array(rows * co4);
  for (let tap = 0; tap < taps; tap++)
    for (let ci = 0; ci < cin; ci++) {
      const from = (tap * cin + ci) * cout;
      packed.set(weight.subarray(from, from + cout), (tap * ci4 + ci) * co4);
    }
  return packed;
}

/**
 * y = activation(x * weight + bias + residual), x [N, H, W, Cin], y [N, Ho, Wo, Cout].
 * Both may be channel slices of wider tensors, at multiples of 4 channels.
 */
export function conv(scope: Scope, args: ConvArgs): Promise<Step> {
  const { label, x, y, residual } = args;
  for (const t of [x, y, residual])
    if (t && (t.channel % 4 !== 0 || t.stride % 4 !== 0))
      throw new Error(`conv ${label}: slice ${t.channel}/${t.stride} is not a multiple of 4`);
  const [n, ho, wo, cout] = y.shape;
  if (x.shape[0] !== n) throw new Error(`conv ${label}: batch ${x.shape[0]} in, ${n} out`);
  if (residual && String(residual.shape) !== String(y.shape))
    throw new Error(`conv ${label}: residual ${residual.shape} is not ${y.shape}`);

  const { unused, adapter } = scope.gpu;
  const m = pixels(y);
  const tile = convTile(adapter.subgroupSize, m, cout);
  const cin4 = padded(x.shape[3]) / 4;
  const cout4 = padded(cout) / 4;
  const r = residual ?? y;
  const shape = new Int32Array([
    ...[x.shape[1], x.shape[2], cin4, x.stride / 4, x.channel / 4],
    ...[ho, wo, cout4, y.stride / 4, y.channel / 4],
    ...[r.stride / 4, r.channel / 4],
    ...[args.kernel[1], ...args.stride, ...args.pad],
    ...[args.kernel[0] * args.kernel[1] * cin4, m],
  ]);
  return step(scope, CONV, {
    label,
    constants: {
      TM: tile.pixels,
      WIDTH: tile.width,
      LANES: tile.lanes,
      ACTIVATION: ACTIVATION[args.activation],
      RESIDUAL: residual !== undefined,
    },
    bindings: [
      binding(x),
      args.weight,
      args.bias,
      args.slope ?? { buffer: unused.read },
      residual ? binding(residual) : { buffer: unused.storage },
      binding(y),
      shape,
    ],
    workgroups: grid(Math.ceil(cout4 / tile.width), Math.ceil(m / tile.pixels)),
  });
}
