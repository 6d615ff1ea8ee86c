/** One comparison of two faces. */
export interface Comparison {
  /** Cosine distance; Infinity where one side has no face, which matches nobody. */
  readonly distance: number;
  /** Whether both faces are one person's. */
  readonly genuine: boolean;
}

/** The distances of a test, each kind in ascending order. */
export interface Scores {
  readonly genuine: Float64Array;
  readonly impostor: Float64Array;
}

/** What a threshold costs: shares of the impostor and of the genuine comparisons, 0 to 1. */
export interface OperatingPoint {
  /** Cosine distance up to which two faces match. */
  readonly threshold: number;
  /** False match rate: impostors within the threshold. */
  readonly fmr: number;
  /** False non-match rate: genuine comparisons beyond it. */
  readonly fnmr: number;
}

/** Impostor comparisons times rate that it takes before the rate may be claimed: the rule of three. */
const EVIDENCE = 3;

/** Sorts comparisons into scores. */
export function scoresOf(comparisons: Iterable<Comparison>): Scores {
  const kinds: Record<'genuine' | 'impostor', number[]> = { genuine: [], impostor: [] };
  for (const { distance, genuine } of comparisons)
    kinds[genuine ? 'genuine' : 'impostor'].push(distance);
  return {
    genuine: Float64Array.from(kinds.genuine).sort(),
    impostor: Float64Array.from(kinds.impostor).sort(),
  };
}

/** The error rates at a threshold; NaN for a kind of which there is no comparison. */
export function ratesAt({ genuine, impostor }: Scores, threshold: number): OperatingPoint {
  return {
    threshold,
    fmr: within(impostor, threshold) / impostor.length,
    fnmr: 1 - within(genuine, threshold) / genuine.length,
  };
}

/** The lowest false match rate that so many impostor comparisons support. */
export function finestFmr(impostors: number): number {
  return EVIDENCE / impostors;
}

/**
 * The most generous threshold whose false match rate does not exceed `fmr`, midway between the
 * distances on both sides of it; null when fewer than 3/`fmr` impostor comparisons are there to say so.
 */
export function pointAtFmr(scores: Scores, fmr: number): OperatingPoint | null {
  const { genuine, impostor } = scores;
  // A rate that the count just supports may come out a rounding error short of it.
  if (impostor.length * fmr < EVIDENCE - 1e-9) return null;
  const first = impostor[Math.floor(impostor.length * fmr + 1e-9)] ?? Infinity;
  const inside = Math.max(below(genuine, first), below(impostor, first), 0);
  const threshold = first === Infinity ? inside : (inside + first) / 2;
  return ratesAt(scores, threshold);
}

/**
 * Where both error rates meet: the threshold at which they are nearest to each other, and their mean
 * there (the equal error rate). NaN without a comparison of each kind.
 */
export function equalErrorRate(scores: Scores): { threshold: number; rate: number } {
  let [nearest, threshold, rate] = [Infinity, Number.NaN, Number.NaN];
  for (const distance of thresholds(scores)) {
    const { fmr, fnmr } = ratesAt(scores, distance);
    const gap = Math.abs(fmr - fnmr);
    if (!(gap < nearest)) continue;
    [nearest, threshold, rate] = [gap, distance, (fmr + fnmr) / 2];
  }
  return { threshold, rate };
}

/** The chance that a genuine comparison is nearer than an impostor, ties counting half (area under the ROC). */
export function areaUnderCurve({ genuine, impostor }: Scores): number {
  let wins = 0;
  let [nearer, asNear] = [0, 0];
  for (const distance of genuine) {
    while (nearer < impostor.length && impostor[nearer] < distance) nearer++;
    asNear = Math.max(asNear, nearer);
    while (asNear < impostor.length && impostor[asNear] <= distance) asNear++;
    wins += impostor.length - asNear + (asNear - nearer) / 2;
  }
  return wins / (genuine.length * impostor.length);
}

/**
 * The curve of both error rates as at most about `points` operating points, by ascending threshold.
 * They lie densest where one of the rates is small, since that is where it is read.
 */
export function errorCurve(scores: Scores, points: number): OperatingPoint[] {
  const perEnd = Math.max(2, Math.floor(points / 4));
  const chosen = new Set<number>();
  for (const distances of [scores.genuine, scores.impostor]) {
    const last = distances.length - 1;
    for (let i = 0; i < perEnd && last >= 0; i++) {
      const rank = Math.round((last + 1) ** (i / (perEnd - 1))) - 1;
      for (const at of [rank, last - rank]) if (distances[at] < Infinity) chosen.add(distances[at]);
    }
  }
  return [...chosen].sort((a, b) => a - b).map((threshold) => ratesAt(scores, threshold));
}

/** How many of the ascending distances are within the threshold. */
export function within(distances: Float64Array, threshold: number): number {
  let [low, high] = [0, distances.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (distances[middle] <= threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The greatest distance under `limit`; −Infinity when there is none. */
function below(distances: Float64Array, limit: number): number {
  let [low, high] = [0, distances.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (distances[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? distances[low - 1] : -Infinity;
}

/** Every finite distance once, ascending. */
function thresholds({ genuine, impostor }: Scores): number[] {
  const all = [...new Set([...genuine, ...impostor])].filter((distance) => distance < Infinity);
  return all.sort((a, b) => a - b);
}
