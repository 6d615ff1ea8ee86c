import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, padded, type Tensor } from '../gpu/tensor.ts';

const GLOBAL_AVERAGE = kernel(import.meta.url, 'globalAverage', ['storage', 'storage', 'uniform']);

/** Mean of x [N, H, W, C] over H and W into y [N, 1, 1, C]. */
export function globalAverage(scope: Scope, label: string, x: Tensor, y: Tensor): Promise<Step> {
  const [n, h, w, c] = x.shape;
  if (String(y.shape) !== String([n, 1, 1, c]))
    throw new Error(`globalAverage ${label}: ${x.shape} does not average to ${y.shape}`);
  const c4 = padded(c) / 4;
  const shape = [h * w, c4, x.stride / 4, x.channel / 4, y.stride / 4, y.channel / 4];
  return step(scope, GLOBAL_AVERAGE, {
    label,
    constants: {},
    bindings: [binding(x), binding(y), new Int32Array(shape)],
    workgroups: [Math.ceil(c4 / 8), n, 1],
    cost: { flop: n * h * w * c, read: byteLength(x.shape), written: byteLength(y.shape) },
  });
}
