import type { Measures } from './measure.ts';

/** What a measure is worth: 1 from `good` on, 0 at `bad`, straight between them. */
interface Ramp {
  readonly measure: keyof Measures;
  readonly bad: number;
  readonly good: number;
  /** Exponent in the product; 1 when absent. */
  readonly weight?: number;
}

/**
 * How the measures of a face make its score: the product of what each is worth, so that the worst has
 * the most to say. Angles count without their sign. The ends and the weight of yaw were chosen on the
 * first half of the people of lfw-dev, see `facegraph eval quality`; faces of LFW are all of one size
 * and upright, so what size, roll, contrast and clipping cost is an assumption that does not bite there.
 * Brightness counts from where pixels fail only: dark skin in good light is about 0.2, and is no fault.
 */
const RAMPS: readonly Ramp[] = [
  { measure: 'size', bad: 20, good: 60 },
  { measure: 'sharpness', bad: 0.1, good: 0.35 },
  { measure: 'yaw', bad: 75, good: 0, weight: 0.5 },
  { measure: 'pitch', bad: 50, good: 0 },
  { measure: 'roll', bad: 60, good: 15 },
  { measure: 'brightness', bad: 0.05, good: 0.2 },
  { measure: 'brightness', bad: 0.9, good: 0.75 },
  { measure: 'contrast', bad: 0.02, good: 0.06 },
  { measure: 'dark', bad: 0.5, good: 0.1 },
  { measure: 'bright', bad: 0.5, good: 0.1 },
  { measure: 'confidence', bad: 0.9, good: 1 },
  { measure: 'outside', bad: 5, good: 0 },
];

/** Yaw and pitch cost the square of their way to the worst: a little of them costs nothing. */
const SQUARED: readonly (keyof Measures)[] = ['yaw', 'pitch'];

/** How well a face can be recognised as far as these measures tell: 0 (not at all) to 1. */
export function scoreOf(measures: Measures): number {
  return RAMPS.reduce((product, { measure, bad, good, weight = 1 }) => {
    const way = (Math.abs(measures[measure]) - good) / (bad - good);
    const lost = Math.min(Math.max(way, 0), 1);
    const worth = 1 - (SQUARED.includes(measure) ? lost * lost : lost);
    return product * worth ** weight;
  }, 1);
}
