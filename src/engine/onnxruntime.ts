import type { Array4 } from '../kernels/reference.ts';

/**
 * Runs an ONNX model once on onnxruntime's CPU provider: a second opinion on what our GPU answers.
 * @returns its outputs by name, or undefined where the optional package onnxruntime-node is missing.
 */
export async function runOnnx(
  model: Uint8Array,
  { shape, data }: Array4,
): Promise<Map<string, Array4> | undefined> {
  // onnxruntime reports usage to its makers unless told otherwise before it is loaded.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const ort = await import('onnxruntime-node').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  });
  if (!ort) return undefined;
  const session = await ort.InferenceSession.create(model, { executionProviders: ['cpu'] });
  try {
    const result = await session.run({ input: new ort.Tensor('float32', data, shape) });
    return new Map(
      Object.entries(result).map(([name, y]) => [
        name,
        { shape: y.dims as unknown as Array4['shape'], data: y.data as Float32Array },
      ]),
    );
  } finally {
    await session.release();
  }
}
