import { seededRandom } from '../../src/faces/statistics/seededRandom.ts';

/** Deterministic values in [−1, 1). */
export function uniform(seed: number): () => number {
  const next = seededRandom(seed);
  return () => 2 * next() - 1;
}

export function randomArray(seed: number, length: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length }, next);
}
