/** The one tolerance policy: f32 kernels against double-precision references. */
export const ATOL = 1e-5;
export const RTOL = 1e-5;

/**
 * How far an element of a kernel's output may be from its reference, where the largest |reference| is
 * `scale`: sums cancel, so the error of an element follows the size of its terms, not its own.
 */
export function allowance(scale: number, rtol = RTOL): number {
  return ATOL + rtol * scale;
}

/** Mean squared error of a network's output over its mean square. */
export const NETWORK_NMSE = 1e-7;

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
