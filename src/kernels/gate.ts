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

/** That an invocation makes: a sigmoid and its gate, loaded as dearly as x, serve all of them. */
const PIXELS = 8;

const GATE = kernel(import.meta.url, 'gate', [
  'storage',
  'storage',
  'storage',
  'storage',
  'uniform',
]);

/**
 * y = relu(x · sigmoid(gate) + residual); x, residual and y [N, H, W, C], none of them a channel slice.
 */
export function gate(scope: Scope, args: GateArgs): Promise<Step> {
  const { label, x, residual, y } = args;
  const [n, h, w, c] = x.shape;
  for (const t of [x, args.gate, residual, y])
    if (t.channel !== 0) throw new Error(`gate ${label}: ${t.shape} is a slice`);
  if (args.gate.stride !== padded(c)) throw new Error(`gate ${label}: its gate is not dense`);
  const strides = [x, residual, y].map(({ stride }) => stride / 4);
  const c4 = padded(c) / 4;
  const blocks = Math.ceil((h * w) / PIXELS);
  const total = n * blocks * c4;
  return step(scope, GATE, {
    label,
    constants: { PIXELS },
    bindings: [
      binding(x),
      binding(args.gate),
      binding(residual),
      binding(y),
      new Int32Array([h * w, c4, blocks, total, ...strides]),
    ],
    workgroups: gridOf(total, 64),
    cost: {
      flop: 2 * pixels(x) * c,
      read: byteLength(x.shape) + byteLength(args.gate.shape) + byteLength(residual.shape),
      written: byteLength(y.shape),
    },
  });
}
