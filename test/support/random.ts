import { seededRandom } from '../../src/faces/statistics/seededRandom.ts';
import type { Array4 } from '../../src/kernels/reference.ts';

/** Deterministic values in [−1, 1). */
export function uniform(seed: number): () => number {
  const next = seededRandom(seed);
  return () => 2 * next() - 1;
}

export function randomArray(seed: number, length: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length }, next);
}

/** Random values of a shape. */
export function randomTensor(seed: number, shape: Array4['shape']): Array4 {
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape, data: randomArray(seed, length) };
}
