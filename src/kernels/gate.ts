import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, padded, pixels, type Tensor } from '../gpu/tensor.ts';
import { gridOf } from './grid.ts';

export interface GateArgs {
  readonly label: string;
  readonly x: Tensor;
  /** [N, 1, 1, C]. */
  readonly gate: Tensor;
  readonly residual: Tensor;
  readonly y: Tensor;
}

const GATE = kernel(import.meta.url, 'gate', [
  'storage',
  'storage',
  'storage',
  'storage',
  'uniform',
]);

/** y = relu(x · gate + residual); x, residual and y [N, H, W, C], none of them a channel slice. */
export function gate(scope: Scope, args: GateArgs): Promise<Step> {
  const { label, x, residual, y } = args;
  const [, h, w, c] = x.shape;
  for (const t of [x, args.gate, residual, y])
    if (t.stride !== padded(c)) throw new Error(`gate ${label}: ${t.shape} is a slice`);
  const c4 = padded(c) / 4;
  const total = pixels(x) * c4;
  return step(scope, GATE, {
    label,
    constants: {},
    bindings: [
      binding(x),
      binding(args.gate),
      binding(residual),
      binding(y),
      new Int32Array([h * w, c4, total]),
    ],
    workgroups: gridOf(total, 64),
    cost: {
      flop: 2 * pixels(x) * c,
      read: byteLength(x.shape) + byteLength(args.gate.shape) + byteLength(residual.shape),
      written: byteLength(y.shape),
    },
  });
}
