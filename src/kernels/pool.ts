import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, padded, pixels, type Tensor } from '../gpu/tensor.ts';
import { gridOf } from './grid.ts';

export interface PoolArgs {
  readonly label: string;
  readonly kind: 'max' | 'average';
  readonly x: Tensor;
  readonly y: Tensor;
  readonly kernel: readonly [h: number, w: number];
  readonly stride: readonly [h: number, w: number];
  readonly pad: readonly [top: number, left: number];
}

const POOL = kernel(import.meta.url, 'pool', ['storage', 'storage', 'uniform']);

/** Window maximum or mean of x [N, H, W, C] into y [N, Ho, Wo, C]; cells outside x are ignored. */
export function pool(scope: Scope, args: PoolArgs): Promise<Step> {
  const { label, x, y } = args;
  if (x.shape[3] !== y.shape[3])
    throw new Error(`pool ${label}: ${x.shape[3]} channels in, ${y.shape[3]} out`);
  const c4 = padded(x.shape[3]) / 4;
  const shape = new Int32Array([
    ...[x.shape[1], x.shape[2], c4, x.stride / 4, x.channel / 4],
    ...[y.shape[1], y.shape[2], y.stride / 4, y.channel / 4],
    ...[...args.kernel, ...args.stride, ...args.pad],
    ...[pixels(y), args.kind === 'average' ? 1 : 0],
  ]);
  return step(scope, POOL, {
    label,
    constants: {},
    bindings: [binding(x), binding(y), shape],
    workgroups: gridOf(pixels(y) * c4, 64),
    cost: {
      flop: pixels(y) * y.shape[3] * args.kernel[0] * args.kernel[1],
      read: byteLength(x.shape),
      written: byteLength(y.shape),
    },
  });
}

/** Copies x into y of the same shape: a pool of single cells. */
export function copy(scope: Scope, label: string, x: Tensor, y: Tensor): Promise<Step> {
  return pool(scope, { label, kind: 'max', x, y, kernel: [1, 1], stride: [1, 1], pad: [0, 0] });
}
