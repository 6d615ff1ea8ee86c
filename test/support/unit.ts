import { randomArray } from './random.ts';

/** These values as an embedding: of length 1. */
export function unit(...values: number[]): Float32Array {
  const norm = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / norm);
}

/** Somebody's embedding, deterministic. */
export function randomUnit(seed: number, dimensions: number): Float32Array {
  return unit(...randomArray(seed, dimensions));
}
