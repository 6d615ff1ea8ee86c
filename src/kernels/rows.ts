import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, pixels, type Tensor } from '../gpu/tensor.ts';

const ROWS = kernel(import.meta.url, 'rows', ['storage', 'storage', 'uniform']);

/** Softmax, or x / sqrt(max(Σ x², 1e-10)), over the channels of each pixel of x into y. */
export function rows(
  scope: Scope,
  label: string,
  kind: 'softmax' | 'l2',
  x: Tensor,
  y: Tensor,
): Promise<Step> {
  if (String(x.shape) !== String(y.shape) || x.stride !== y.stride || x.channel + y.channel > 0)
    throw new Error(`rows ${label}: ${x.shape} and ${y.shape} do not lie alike`);
  return step(scope, ROWS, {
    label,
    constants: { SOFTMAX: kind === 'softmax' },
    bindings: [binding(x), binding(y), new Int32Array([x.shape[3], x.stride])],
    workgroups: [pixels(x), 1, 1],
    // x − top, exp, sum, · scale; or x², sum, · scale.
    cost: {
      flop: pixels(x) * x.shape[3] * (kind === 'softmax' ? 4 : 3),
      read: byteLength(x.shape),
      written: byteLength(y.shape),
    },
  });
}
