import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Shape } from '../../src/engine/network.ts';

// onnxruntime reports usage to its makers unless told otherwise before it is loaded.
process.env.ORT_DISABLE_TELEMETRY = '1';
const ort = await import('onnxruntime-node');

/** An output of onnxruntime, N H W C. */
export interface Output {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Runs an ONNX model once on onnxruntime's CPU provider. */
export async function runOnnx(
  model: Uint8Array,
  x: Float32Array,
  shape: Shape,
): Promise<Map<string, Output>> {
  const session: InferenceSession = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
  });
  try {
    const result = await session.run({ input: new ort.Tensor('float32', x, shape) });
    return new Map(Object.entries(result).map(([name, y]) => [name, plain(y)]));
  } finally {
    await session.release();
  }
}

function plain(y: Tensor): Output {
  return { shape: y.dims, data: y.data as Float32Array };
}
