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
  const { length } = scores.impostor;
  // A rate that the count just supports may come out a rounding error short of it.
  if (length * fmr < EVIDENCE - 1e-9) return null;
  return pointWithin(scores, Math.floor(length * fmr + 1e-9));
}

/**
 * The most generous threshold that at most `hits` impostors are within, midway between the distances on
 * both sides of it; −1, within which nothing is, when more lie at 0.
 */
export function pointWithin(scores: Scores, hits: number): OperatingPoint {
  const { genuine, impostor } = scores;
  const first = impostor[hits] ?? Infinity;
  const inside = Math.max(below(genuine, first), below(impostor, first), 0);
  const between = first === Infinity ? inside : (inside + first) / 2;
  const threshold = first === 0 ? -1 : between;
  return ratesAt(scores, threshold);
}

/**
 * Where both error rates meet: the threshold at which they are nearest to each other, and their mean
 * there (the equal error rate). NaN without a comparison of each kind.
 */
export function equalErrorRate(scores: Scores): { threshold: number; rate: number } {
  const { genuine, impostor } = scores;
  if (genuine.length === 0 || impostor.length === 0)
    return { threshold: Number.NaN, rate: Number.NaN };
  // The gap grows with every distance, so that the nearest is on one side of where it changes its sign.
  const crossing = Math.min(
    ...[genuine, impostor].map((distances) => firstWhere(distances, (d) => gapAt(scores, d) >= 0)),
  );
  const before = Math.max(below(genuine, crossing), below(impostor, crossing));
  const finite = [before, crossing].filter((distance) => Math.abs(distance) < Infinity);
  if (finite.length === 0) return { threshold: Number.NaN, rate: Number.NaN };
  const [threshold] = finite.sort(
    (a, b) => Math.abs(gapAt(scores, a)) - Math.abs(gapAt(scores, b)) || a - b,
  );
  const { fmr, fnmr } = ratesAt(scores, threshold);
  return { threshold, rate: (fmr + fnmr) / 2 };
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
  return placeWhere(distances, (distance) => distance > threshold);
}

function gapAt(scores: Scores, threshold: number): number {
  const { fmr, fnmr } = ratesAt(scores, threshold);
  return fmr - fnmr;
}

/** The greatest distance under `limit`; −Infinity when there is none. */
function below(distances: Float64Array, limit: number): number {
  return distances[placeWhere(distances, (distance) => distance >= limit) - 1] ?? -Infinity;
}

/** The first distance for which `is` holds, as for all after it; Infinity when there is none. */
function firstWhere(distances: Float64Array, is: (distance: number) => boolean): number {
  return distances[placeWhere(distances, is)] ?? Infinity;
}

/** The place of that distance, by bisection. */
function placeWhere(distances: Float64Array, is: (distance: number) => boolean): number {
  let [low, high] = [0, distances.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (is(distances[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
