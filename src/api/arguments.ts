import type { DetectOptions } from '../engine/engine.ts';
import { FacegraphError } from '../errors.ts';

interface DetectOptionsInput {
  minFaceSize?: number | null;
  thresholds?: readonly number[] | null;
  scaleFactor?: number | null;
}

/**
 * Checks what a client asks of the detector; the bounds keep the pyramid small.
 * @throws FacegraphError `InvalidInput`.
 */
export function detectOptions(input: DetectOptionsInput | null | undefined): DetectOptions {
  const { minFaceSize, thresholds, scaleFactor } = input ?? {};
  const options: DetectOptions = {};
  if (minFaceSize != null) options.minFaceSize = within('minFaceSize', minFaceSize, 12, 10_000);
  if (scaleFactor != null) options.scaleFactor = within('scaleFactor', scaleFactor, 0.3, 0.95);
  if (thresholds != null) {
    if (thresholds.length !== 3)
      throw new FacegraphError('InvalidInput', `thresholds has ${thresholds.length} of 3 numbers`);
    const [p, r, o] = thresholds.map((value) => within('thresholds', value, 0, 1));
    options.thresholds = [p, r, o];
  }
  return options;
}

/** A cosine distance as a client gives it. @throws FacegraphError `InvalidInput`. */
export function cosineThreshold(value: number | null | undefined): number | undefined {
  return value == null ? undefined : within('threshold', value, 0, 2);
}

/** @throws FacegraphError `InvalidInput` naming the argument unless min ≤ value ≤ max. */
export function within(name: string, value: number, min: number, max: number): number {
  if (!(value >= min && value <= max))
    throw new FacegraphError('InvalidInput', `${name} is ${value}: give ${min} to ${max}`);
  return value;
}
