import { expect } from 'vitest';
import { allowance, RTOL } from '../../src/kernels/tolerance.ts';

export const EMBEDDING_COSINE = 0.9999;

/** Every element is within `allowance` of its reference. */
export function expectClose(y: Float32Array, r: Float32Array, rtol = RTOL): void {
  expect(y.length).toBe(r.length);
  const scale = r.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
  const limit = allowance(scale, rtol);
  let worst = 0;
  let where = 0;
  for (let i = 0; i < r.length; i++) {
    const error = Math.abs(y[i] - r[i]);
    if (!(error <= worst)) [worst, where] = [error, i];
  }
  expect(worst, `element ${where}: ${y[where]} for ${r[where]}`).toBeLessThanOrEqual(limit);
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb);
}
