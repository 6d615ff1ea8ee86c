import { kernel } from '../gpu/pipeline.ts';
import { type Cost, type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, padded, pixels, type Tensor } from '../gpu/tensor.ts';
import { grid } from './grid.ts';

export type Activation = 'none' | 'relu' | 'prelu';

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
  /** Sets that x, y and the weights consist of, one after another, along N; 1 if not given. */
  readonly sets?: number;
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

/** Activations as kernels know them. */
export const ACTIVATION = { none: 0, relu: 1, prelu: 2 } as const;

/** How a convolution is cut for a device. */
export interface ConvTile {
  /** Lanes that share the loading of weights: 8, or 4 where subgroups are that small (SwiftShader). */
  readonly lanes: 4 | 8;
  /** Invocations of a workgroup. */
  readonly width: number;
  /** Output pixels of an invocation. */
  readonly pixels: number;
  /** Whether the lanes have different channels of the same pixels, not different pixels. */
  readonly byChannel: boolean;
}

/** Output pixels that a workgroup of different channels takes; those of a 3×3 map. */
const FEW = 9;
/** What a pixel costs on 8 lanes in tiles of so many pixels, in order of preference (bench/LOG.md). */
const COSTS = new Map([
  [7, 0.93],
  [8, 0.93],
  [4, 1],
  [1, 1.77],
]);
/** What a preferred tile may cost more: each is a pipeline. */
const TOLERANCE = 1.04;

/**
 * Whether a layer is worth tiles of its own, which are pipelines: of the embedders the bulk, of the
 * cascade nothing.
 */
export function convDeep(cin: number, [, h, w, cout]: Tensor['shape']): boolean {
  return cin >= 128 && cout > 16 && h * w > 1;
}

/**
 * The tile for M output pixels on a device with these subgroup sizes; `deep` by `convDeep`. Where
 * one pixel an invocation would leave most of a second workgroup idle, and load all weights twice,
 * lanes are channels.
 */
export function convTile(
  subgroup: readonly [min: number, max: number],
  m: number,
  deep: boolean,
): ConvTile {
  const lanes = subgroup[0] < 8 ? 4 : 8;
  const width = Math.max(lanes, Math.min(64, subgroup[1]));
  if (width > 8) return { lanes, width, pixels: m > 2 * width ? 4 : 1, byChannel: false };
  if (m > width && m <= FEW && deep) return { lanes, width, pixels: FEW, byChannel: true };
  const sizes = [...COSTS].filter(([pixels]) => deep || pixels === 4 || pixels === 1);
  const costs = sizes.map(([pixels, each]) => Math.ceil(m / (width * pixels)) * pixels * each);
  const least = Math.min(...costs);
  const [pixels] = sizes[costs.findIndex((cost) => cost <= TOLERANCE * least)];
  return { lanes, width, pixels, byChannel: false };
}

/**
 * Vec4s of output channels of an invocation. Eight only where they pay, and never fewer than four:
 * each number is a pipeline, which lavapipe compiles for up to a second when its cache is cold.
 */
export function convColumns(cin: number, cout: number): 4 | 8 {
  return cin < 4 || cout <= 16 ? 4 : 8;
}

/** Input channels of one turn of the loop; those of an image are all there are. */
function depth(cin: number, { pixels }: ConvTile): number {
  if (cin === 3) return 3;
  return pixels === 1 ? 4 : 2;
}

/**
 * Weights [KH, KW, Cin, Cout] as conv.wgsl reads them, sets of such weights one after another.
 * `taps` is KH · KW.
 */
export function packWeights(
  weight: Float32Array,
  taps: number,
  cin: number,
  cout: number,
  sets = 1,
): Float32Array {
  const columns = convColumns(cin, cout) * 4;
  const groups = Math.ceil(cout / columns);
  const rows = taps * weightRows(cin);
  const slack = 8 * 4;
  const packed = new Float32Array(sets * setFloats(taps, cin, cout) + slack);
  for (let row = 0; row < sets * taps * cin; row++) {
    const [set, tap, ci] = [
      Math.floor(row / (taps * cin)),
      Math.floor(row / cin) % taps,
      row % cin,
    ];
    for (let group = 0; group < groups; group++) {
      const from = row * cout + group * columns;
      const values = weight.subarray(from, from + Math.min(columns, cout - group * columns));
      const at = (set * groups + group) * rows + tap * (rows / taps) + ci;
      packed.set(values, at * columns);
    }
  }
  return packed;
}

/** Rows of weights a tap has: the padding of Cin too, but of images, which are read as they are. */
function weightRows(cin: number): number {
  return cin === 3 ? 3 : padded(cin);
}

/** Floats of one set of packed weights. */
function setFloats(taps: number, cin: number, cout: number): number {
  const columns = convColumns(cin, cout) * 4;
  return Math.ceil(cout / columns) * columns * taps * weightRows(cin);
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
  const sets = args.sets ?? 1;
  const m = pixels(y) / sets;
  const columns = convColumns(x.shape[3], cout);
  const tile = convTile(adapter.subgroupSize, m, convDeep(x.shape[3], y.shape));
  const cin4 = padded(x.shape[3]) / 4;
  const cout4 = padded(cout) / 4;
  const { byChannel } = tile;
  const setGroups = Math.ceil(m / (tile.pixels * (byChannel ? 1 : tile.width)));
  const setSize = setFloats(args.kernel[0] * args.kernel[1], x.shape[3], cout) / 4;
  const r = residual ?? y;
  const shape = new Int32Array([
    ...[x.shape[1], x.shape[2], cin4, x.stride / 4, x.channel / 4],
    ...[ho, wo, cout4, y.stride / 4, y.channel / 4],
    ...[r.stride / 4, r.channel / 4],
    ...[...args.kernel, ...args.stride, ...args.pad, m],
    ...[ACTIVATION[args.activation], residual ? 1 : 0],
    ...[sets * m, setGroups, setSize],
  ]);
  return step(scope, CONV, {
    label,
    constants: {
      TM: tile.pixels,
      COLUMNS: columns,
      DEPTH: depth(x.shape[3], tile),
      WIDTH: tile.width,
      LANES: tile.lanes,
      BY_CHANNEL: byChannel,
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
    workgroups: grid(
      Math.ceil(cout4 / (byChannel ? Math.min(tile.lanes, columns) : columns)),
      sets * setGroups,
    ),
    cost: costOf(args),
  });
}

// Of weights the values, not the zeros that pad them; of a window also the taps outside of x.
function costOf({ x, y, residual, kernel, slope, sets = 1 }: ConvArgs): Cost {
  const cout = y.shape[3];
  const outputs = pixels(y) * cout;
  const taps = kernel[0] * kernel[1] * x.shape[3];
  return {
    flop: outputs * (2 * taps + (residual ? 1 : 0)),
    read:
      byteLength(x.shape) +
      (residual ? byteLength(residual.shape) : 0) +
      4 * cout * (sets * taps + (slope ? 2 : 1)),
    written: byteLength(y.shape),
  };
}
