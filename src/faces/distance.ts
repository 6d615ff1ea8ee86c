import { setImmediate as nextTurn } from 'node:timers/promises';

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

/** Comparisons made in one go, about 10 ms, after which others get their turn. */
const AT_ONCE = 10_000;

/**
 * The nearest two of many embeddings, by their places in `as` and `bs`; of several the first. Others
 * get their turn meanwhile.
 * @param as one or more, L2-normalised, as those of `bs`.
 */
export async function nearestPair(
  as: readonly Float32Array[],
  bs: readonly Float32Array[],
): Promise<{ a: number; b: number; distance: number }> {
  let nearest = { a: 0, b: 0, distance: Number.POSITIVE_INFINITY };
  let compared = 0;
  for (let a = 0; a < as.length; a++)
    for (let b = 0; b < bs.length; b++) {
      const distance = cosineDistance(as[a], bs[b]);
      if (distance < nearest.distance) nearest = { a, b, distance };
      if (++compared % AT_ONCE === 0) await nextTurn();
    }
  return nearest;
}
