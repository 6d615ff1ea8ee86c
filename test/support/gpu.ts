import { type Gpu, openGpu } from '../../src/gpu/device.ts';
import { encode, openScope, type Scope, type Step, storage } from '../../src/gpu/plan.ts';
import { submitAndRead } from '../../src/gpu/readback.ts';
import { binding, byteLength, dense, type Tensor, unpad, upload } from '../../src/gpu/tensor.ts';
import type { Array4 } from '../../src/kernels/reference.ts';

let opened: Promise<Gpu> | undefined;

/** The one device of the test process. */
export function testGpu(): Promise<Gpu> {
  opened ??= openGpu();
  return opened;
}

/** A scope over the test device. */
export async function testScope(): Promise<Scope> {
  return openScope(await testGpu());
}

/** A tensor of its own, filled with NaN so that every element a kernel forgets shows. */
export function blank(scope: Scope, shape: Tensor['shape']): Tensor {
  const t = dense(storage(scope, byteLength(shape), 'test'), 0, shape);
  poison(scope.gpu, t.buffer);
  return t;
}

export function poison(gpu: Gpu, buffer: GPUBuffer): void {
  gpu.device.queue.writeBuffer(buffer, 0, new Float32Array(buffer.size / 4).fill(Number.NaN));
}

/** Uploads an array as a tensor of its own. */
export function tensor(scope: Scope, array: Array4): Tensor {
  const t = blank(scope, array.shape);
  upload(scope.gpu, t, array.data);
  return t;
}

/** A read-only vector of parameters, padded to 4 values. */
export function vector(scope: Scope, values: Float32Array): GPUBufferBinding {
  const wide = new Float32Array(Math.ceil(values.length / 4) * 4);
  wide.set(values);
  const buffer = storage(scope, wide.byteLength, 'test');
  scope.gpu.device.queue.writeBuffer(buffer, 0, wide);
  return { buffer };
}

/** Runs steps and returns the unpadded values of the results. */
export async function run(
  scope: Scope,
  steps: readonly Step[],
  results: readonly Tensor[],
): Promise<Float32Array[]> {
  const parts = await submitAndRead(
    scope.gpu,
    (encoder) => encode(encoder, steps),
    results.map((t) => ({ buffer: t.buffer, offset: t.offset, size: binding(t).size! })),
  );
  return results.map((t, i) => unpad(t, parts[i]));
}
