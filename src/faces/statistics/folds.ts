import type { Comparison } from './errorRates.ts';

/** A comparison and the part of the test that it belongs to. */
export interface Folded extends Comparison {
  readonly fold: number;
}

/** Accuracy in cross-validation. */
export interface FoldedAccuracy {
  /** Mean over the folds, each judged at the best threshold of all others. */
  readonly mean: number;
  /** Standard deviation over the folds (of the population of folds, as LFW's results give it). */
  readonly deviation: number;
  /** The accuracy and the threshold of each fold. */
  readonly folds: readonly { readonly accuracy: number; readonly threshold: number }[];
}

/** Accuracy as LFW's protocol has it: no fold has a say in the threshold it is judged at. */
export function foldedAccuracy(comparisons: readonly Folded[]): FoldedAccuracy {
  const names = [...new Set(comparisons.map(({ fold }) => fold))].sort((a, b) => a - b);
  const folds = names.map((name) => {
    const threshold = bestThreshold(comparisons.filter(({ fold }) => fold !== name));
    return {
      threshold,
      accuracy: accuracyAt(
        comparisons.filter(({ fold }) => fold === name),
        threshold,
      ),
    };
  });
  const mean = folds.reduce((sum, { accuracy }) => sum + accuracy, 0) / folds.length;
  const variance =
    folds.reduce((sum, { accuracy }) => sum + (accuracy - mean) ** 2, 0) / folds.length;
  return { mean, deviation: Math.sqrt(variance), folds };
}

/** The share of comparisons that a threshold judges rightly. */
export function accuracyAt(comparisons: readonly Comparison[], threshold: number): number {
  const right = comparisons.filter(
    ({ distance, genuine }) => distance <= threshold === genuine,
  ).length;
  return right / comparisons.length;
}

/**
 * The distance that parts genuine comparisons from impostors with fewest errors, midway between the
 * distances on both sides of it; −1, within which nothing is, when matching nobody is best.
 */
export function bestThreshold(comparisons: readonly Comparison[]): number {
  const sorted = comparisons.filter(({ distance }) => distance < Infinity);
  sorted.sort((a, b) => a.distance - b.distance);
  let [gain, most, threshold] = [0, 0, -1];
  sorted.forEach(({ distance, genuine }, i) => {
    gain += genuine ? 1 : -1;
    const next = sorted[i + 1]?.distance ?? distance;
    if (gain <= most || (next === distance && i + 1 < sorted.length)) return;
    most = gain;
    threshold = (distance + next) / 2;
  });
  return threshold;
}
