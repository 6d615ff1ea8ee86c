import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, padded, pixels, type Tensor } from '../gpu/tensor.ts';
import { ACTIVATION, type Activation, type ConvWeights, conv } from './conv.ts';
import { gridOf } from './grid.ts';

/**
 * 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3) (Lavin and Gray, "Fast algorithms for
 * convolutional neural networks"): tiles of 6×6 inputs and the weights are transformed, multiplied
 * element by element, which over the channels is 36 products of matrices, and transformed into 4×4
 * outputs. That takes 36 multiplications where the convolution has 144.
 */

/** Elements of a transformed tile, each with weights [Cin, Cout] of its own. */
export const ELEMENTS = 36;

/** The matrix that transforms weights; those for tiles and products are in the WGSL. */
const G = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
] as const;

/** What of a convolution decides how it is best computed. */
export interface ConvShape {
  readonly kernel: readonly [h: number, w: number];
  readonly stride: readonly [h: number, w: number];
  readonly cin: number;
  readonly cout: number;
  /** Height and width of the output of one image. */
  readonly out: readonly [h: number, w: number];
  readonly residual: boolean;
}

/** Multiply-adds that take as long as moving one value in a transform (lavapipe, bench/LOG.md). */
const MOVED = 10;
/** Weights are four times as many: those of larger matrices cost more memory than they are worth. */
const MOST_WEIGHTS = 256 * 256;

/**
 * Whether the transforms of a convolution cost less than what they save, for one image: the choice must
 * not depend on the batch, in which rows have the same bytes as alone.
 */
export function winogradPays(shape: ConvShape): boolean {
  const { kernel, stride, cin, cout, out, residual } = shape;
  if (kernel[0] !== 3 || kernel[1] !== 3 || stride[0] !== 1 || stride[1] !== 1) return false;
  if (cin % 4 !== 0 || cout % 4 !== 0 || cin * cout > MOST_WEIGHTS) return false;
  if (residual) return false;
  const tiles = tilesOf([1, ...out, cout]);
  const direct = multiplied(out[0] * out[1]) * 9 * cin * cout + MOVED * tiles * 16 * cout;
  const products = multiplied(tiles) * ELEMENTS * cin * cout;
  // Tiles are read and written, products written and read, and the output is written.
  const moved = tiles * ((36 + 36) * cin + (36 + 36 + 16) * cout);
  return products + MOVED * moved < 0.75 * direct;
}

// Rows that a product of matrices takes the time of: eight at once, or 32, which are faster by half.
function multiplied(rows: number): number {
  return rows > 16 ? Math.ceil(rows / 32) * 32 : Math.ceil(rows / 8) * 8 * 1.5;
}

/** Tiles that cover an output. */
export function tilesOf([n, h, w]: Tensor['shape']): number {
  return n * Math.ceil(h / 4) * Math.ceil(w / 4);
}

/** Shape of the transformed tiles, or of their products, of c channels that make an output. */
export function tiledShape(output: Tensor['shape'], c: number): Tensor['shape'] {
  return [ELEMENTS, 1, tilesOf(output), c];
}

/** Weights [3, 3, Cin, Cout] as GwGᵀ, [36, Cin, Cout]. */
export function transformWeights(weight: Float32Array): Float32Array {
  const size = weight.length / 9;
  const made = new Float32Array(ELEMENTS * size);
  for (let i = 0; i < size; i++)
    for (let row = 0; row < 6; row++) {
      const [a, b, c] = G[row];
      const w0 = a * weight[i] + b * weight[3 * size + i] + c * weight[6 * size + i];
      const w1 = a * weight[size + i] + b * weight[4 * size + i] + c * weight[7 * size + i];
      const w2 = a * weight[2 * size + i] + b * weight[5 * size + i] + c * weight[8 * size + i];
      for (let col = 0; col < 6; col++)
        made[(row * 6 + col) * size + i] = G[col][0] * w0 + G[col][1] * w1 + G[col][2] * w2;
    }
  return made;
}

export interface WinogradArgs extends ConvWeights {
  readonly label: string;
  readonly x: Tensor;
  readonly y: Tensor;
  /** Scratch: `tiledShape` of y with the channels of x, and with those of y. */
  readonly tiles: Tensor;
  readonly products: Tensor;
  /** As many zeros as y has channels: the bias of the products. */
  readonly zeros: GPUBufferBinding;
  readonly pad: readonly [top: number, left: number];
  readonly activation: Activation;
}

const INPUT = kernel(import.meta.url, 'winogradInput', ['storage', 'storage', 'uniform']);
const OUTPUT = kernel(import.meta.url, 'winogradOutput', [
  'storage',
  'read',
  'read',
  'storage',
  'uniform',
]);

/**
 * y = activation(x * weight + bias) in three steps; `weight` are transformed ones, packed as 36 sets.
 * x and y may be channel slices, at multiples of 4 channels.
 */
export function winograd(scope: Scope, args: WinogradArgs): Promise<[Step, Step, Step]> {
  return Promise.all([transformInput(scope, args), multiply(scope, args), makeOutput(scope, args)]);
}

function transformInput(scope: Scope, args: WinogradArgs): Promise<Step> {
  const { label, x, y, tiles, pad } = args;
  const [, h, w, cin] = x.shape;
  const c4 = padded(cin) / 4;
  const total = tilesOf(y.shape) * c4;
  return step(scope, INPUT, {
    label: `${label} tiles`,
    constants: {},
    bindings: [
      binding(x),
      binding(tiles),
      new Int32Array([h, w, c4, x.stride / 4, x.channel / 4, ...tileGrid(y), ...pad, total]),
    ],
    workgroups: gridOf(total, 64),
    cost: { flop: 0, read: byteLength(x.shape), written: byteLength(tiles.shape) },
  });
}

async function multiply(scope: Scope, args: WinogradArgs): Promise<Step> {
  const { label, x, y, tiles, products, weight, zeros } = args;
  const made = await conv(scope, {
    label: `${label} products`,
    x: tiles,
    y: products,
    weight,
    bias: zeros,
    kernel: [1, 1],
    stride: [1, 1],
    pad: [0, 0],
    activation: 'none',
    sets: ELEMENTS,
  });
  // FLOP are those of the convolution that the three steps replace, all counted here. They are up to
  // four times those that are done, so more can be achieved than the adapter's ceiling.
  return { ...made, cost: { ...made.cost, flop: 2 * 9 * x.shape[3] * pixels(y) * y.shape[3] } };
}

function makeOutput(scope: Scope, args: WinogradArgs): Promise<Step> {
  const { label, y, products, bias, slope, activation } = args;
  const [, h, w, cout] = y.shape;
  const c4 = padded(cout) / 4;
  const total = tilesOf(y.shape) * c4;
  const shape = [h, w, c4, y.stride / 4, y.channel / 4, ...tileGrid(y), total];
  return step(scope, OUTPUT, {
    label,
    constants: {},
    bindings: [
      binding(products),
      bias,
      slope ?? { buffer: scope.gpu.unused.read },
      binding(y),
      new Int32Array([...shape, ACTIVATION[activation]]),
    ],
    workgroups: gridOf(total, 64),
    cost: {
      flop: 0,
      read: byteLength(products.shape) + 4 * cout * (slope ? 2 : 1),
      written: byteLength(y.shape),
    },
  });
}

function tileGrid({ shape: [, h, w] }: Tensor): [rows: number, cols: number] {
  return [Math.ceil(h / 4), Math.ceil(w / 4)];
}
