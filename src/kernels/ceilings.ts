import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step, storage } from '../gpu/plan.ts';
import { gridOf } from './grid.ts';

const COPY = kernel(import.meta.url, 'copyWords', ['read', 'storage']);
const MULTIPLY_ADD = kernel(import.meta.url, 'multiplyAdd', ['read', 'storage']);

/** More than the caches of any GPU hold. */
const COPIED_BYTES = 64 << 20;
const ROUNDS = 128;
/** Multiply-adds of a round of multiplyAdd.wgsl. */
const PER_ROUND = 4 * 4 * 4;

/** A step bound by nothing but memory. */
export function copyCeiling(scope: Scope): Promise<Step> {
  const [from, to] = ['from', 'to'].map((name) => storage(scope, COPIED_BYTES, `copied ${name}`));
  const total = COPIED_BYTES / 16;
  return step(scope, COPY, {
    label: 'copy ceiling',
    constants: { TOTAL: total },
    bindings: [{ buffer: from }, { buffer: to }],
    workgroups: gridOf(total, 64),
    cost: { flop: 0, read: COPIED_BYTES, written: COPIED_BYTES },
  });
}

/** A step bound by nothing but arithmetic: f32 multiply-adds. */
export function multiplyAddCeiling(scope: Scope): Promise<Step> {
  // Long enough for a GPU's clock, short enough for software.
  const invocations = scope.gpu.adapter.software ? 1 << 14 : 1 << 21;
  const x = storage(scope, 32, 'factors');
  scope.gpu.device.queue.writeBuffer(x, 0, new Float32Array(8).fill(0.5));
  return step(scope, MULTIPLY_ADD, {
    label: 'multiply-add ceiling',
    constants: { ROUNDS },
    bindings: [{ buffer: x }, { buffer: storage(scope, invocations * 16, 'sums') }],
    workgroups: gridOf(invocations, 64),
    cost: { flop: invocations * ROUNDS * PER_ROUND * 2, read: 32, written: invocations * 16 },
  });
}
