import { expect } from 'vitest';

/** The one tolerance policy: f32 kernels against double-precision references. */
export const ATOL = 1e-5;
export const RTOL = 1e-5;
export const NETWORK_NMSE = 1e-7;
export const EMBEDDING_COSINE = 0.9999;

/** Elementwise |y − r| ≤ atol + rtol·scale, scale = the largest |r| (sums cancel, so the error of an
 * element follows the size of its terms, not its own). */
export function expectClose(y: Float32Array, r: Float32Array, rtol = RTOL): void {
  expect(y.length).toBe(r.length);
  const scale = r.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
  const limit = ATOL + rtol * scale;
  let worst = 0;
  let where = 0;
  for (let i = 0; i < r.length; i++) {
    const error = Math.abs(y[i] - r[i]);
    if (!(error <= worst)) [worst, where] = [error, i];
  }
  expect(worst, `element ${where}: ${y[where]} for ${r[where]}`).toBeLessThanOrEqual(limit);
}

/** Σ (y − r)² / Σ r². */
export function nmse(y: Float32Array, r: Float32Array): number {
  let error = 0;
  let power = 0;
  for (let i = 0; i < r.length; i++) {
    error += (y[i] - r[i]) ** 2;
    power += r[i] ** 2;
  }
  return error / power;
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
