/**
 * Cosine distance of two L2-normalised embeddings: 1 − a·b, from 0 (same direction) to 2.
 * @throws Error when the lengths differ, which means that two models were mixed.
 */
export function cosineDistance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length)
    throw new Error(`cosineDistance: ${a.length} against ${b.length} values`);
  let dot = 0;
  for (let i = 0; i < a.length; i++) dot += a[i] * b[i];
  return Math.max(0, 1 - dot);
}

/** Whether a cosine distance is a match. The threshold itself still matches. */
export function isMatch(distance: number, threshold: number): boolean {
  return distance <= threshold;
}
