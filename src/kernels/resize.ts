import { kernel } from '../gpu/pipeline.ts';
import { type Cost, type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, pixels, type Tensor } from '../gpu/tensor.ts';
import { gridOf } from './grid.ts';

/** An RGB image on the GPU: H·W·3 bytes, row by row, with at least 4 bytes behind them. */
export interface GpuImage {
  readonly buffer: GPUBuffer;
  readonly width: number;
  readonly height: number;
}

export interface ResizeArgs {
  readonly label: string;
  readonly image: GpuImage;
  /** [N] of x, y, width, height as i32. */
  readonly boxes: GPUBufferBinding;
  /** [N, H, W, 3]. */
  readonly y: Tensor;
  /** y holds rows from `first` of a picture of `full` rows. */
  readonly rows: { readonly first: number; readonly full: number };
  /** Round to whole 8-bit values before normalising, as an 8-bit resize does. */
  readonly round: boolean;
  readonly normalise: Normalise;
}

/** v' = (v − mean) · scale for 8-bit R, G, B. */
export interface Normalise {
  readonly mean: readonly [r: number, g: number, b: number];
  readonly scale: number;
}

const RESIZE = kernel(import.meta.url, 'resize', ['read', 'read', 'storage', 'uniform']);

/** Boxes of an image, resized by OpenCV's INTER_AREA and normalised, into y [N, H, W, 3]. */
export function resize(scope: Scope, args: ResizeArgs): Promise<Step> {
  const { image, y, normalise, rows } = args;
  const total = pixels(y);
  const values = new ArrayBuffer(52);
  new Float32Array(values, 0, 5).set([...normalise.mean, 0, normalise.scale]);
  const [, oh, ow] = y.shape;
  new Int32Array(values, 20).set([
    ...[image.width, image.height, oh, ow],
    ...[rows.first, rows.full, total, args.round ? 1 : 0],
  ]);
  return step(scope, RESIZE, {
    label: args.label,
    constants: {},
    bindings: [{ buffer: image.buffer }, args.boxes, binding(y), new Int32Array(values)],
    workgroups: gridOf(total, 64),
    cost: samplingCost(y),
  });
}

/** The cost of cutting y [N, H, W, 3] out of an image where each value blends four pixels, no more. */
export function samplingCost(y: Tensor): Cost {
  const total = pixels(y);
  // Three values of four multiply-adds each, then mean and scale.
  return { flop: total * 3 * (4 * 2 + 2), read: total * 4 * 3, written: byteLength(y.shape) };
}
