import type { Interval } from '../statistics/interval.ts';

/** A figure and how far to trust it. Shares are from 0 to 1; NaN where there is nothing to count. */
export interface Figure {
  readonly value: number;
  /** 95 % interval by bootstrap. */
  readonly interval: Interval;
}

/** Values with their intervals, in the same order. */
export function figures(values: readonly number[], intervals: readonly Interval[]): Figure[] {
  return values.map((value, i) => ({ value, interval: intervals[i] }));
}
