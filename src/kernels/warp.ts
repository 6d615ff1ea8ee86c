import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, pixels, type Tensor } from '../gpu/tensor.ts';
import { gridOf } from './grid.ts';
import { type GpuImage, type Normalise, samplingCost } from './resize.ts';

/** Floats per map, see warp.wgsl: ox oy ux uy vx vy 0 0. */
export const MAP_FLOATS = 8;

export interface WarpArgs {
  readonly label: string;
  readonly image: GpuImage;
  /** [N] maps of MAP_FLOATS f32. */
  readonly maps: GPUBufferBinding;
  /** [N, H, W, 3]. */
  readonly y: Tensor;
  /** Channel order of y; `normalise.mean` is in that order. */
  readonly order: 'RGB' | 'BGR';
  readonly normalise: Normalise;
}

const WARP = kernel(import.meta.url, 'warp', ['read', 'read', 'storage', 'uniform']);

/** Affine cuts of an image, smoothed where they shrink, normalised into y [N, H, W, 3]. */
export function warp(scope: Scope, args: WarpArgs): Promise<Step> {
  const { image, y, normalise } = args;
  const total = pixels(y);
  const values = new ArrayBuffer(48);
  new Float32Array(values, 0, 5).set([...normalise.mean, 0, normalise.scale]);
  const [, oh, ow] = y.shape;
  const bgr = args.order === 'BGR' ? 1 : 0;
  new Int32Array(values, 20).set([image.width, image.height, oh, ow, total, bgr]);
  return step(scope, WARP, {
    label: args.label,
    constants: {},
    bindings: [{ buffer: image.buffer }, args.maps, binding(y), new Int32Array(values)],
    workgroups: gridOf(total, 64),
    cost: samplingCost(y),
  });
}
