import { isMatch } from '../distance.ts';
import type { OperatingPoint } from '../statistics/errorRates.ts';
import { rateBelow } from '../statistics/interval.ts';

/** What an answer says of two faces. */
export type Decision = 'MATCH' | 'REVIEW' | 'UNKNOWN';

/** Distances up to which a face is somebody's, and to which a person had better look. */
export interface Thresholds {
  /** Cosine distance up to which a face matches, or where not `decisive` is to be reviewed. */
  readonly threshold: number;
  /** Cosine distance up to which a face is to be reviewed; never less than `threshold`. */
  readonly reviewThreshold: number;
  /** Whether the threshold keeps what it has to. */
  readonly decisive: boolean;
}

/** What impostor pairs say of thresholds, by ascending threshold. */
export interface FmrCurve {
  readonly impostorPairs: number;
  readonly curve: readonly Pick<OperatingPoint, 'threshold' | 'fmr'>[];
}

/** Thresholds that follow from a curve, and why. */
export interface Derived extends Thresholds {
  /** False match rate of one comparison that the false hit rate allows. */
  readonly fmrAllowed: number;
  /** The lowest rate that may be claimed of any threshold of the curve. */
  readonly fmrSupported: number;
}

/** The false match rate of a distance. */
export interface FmrEstimate {
  /** Share of impostor pairs that near; null where the pairs are too few to say. */
  readonly fmr: number | null;
  /** What it lies under with 95 % confidence. */
  readonly below: number;
}

/** A stranger's chance of a false hit up to which a hit is left to a person, in configured rates. */
const REVIEW_FACTOR = 10;

/** The decision for a distance. */
export function decide(distance: number, rule: Thresholds): Decision {
  if (isMatch(distance, rule.threshold)) return rule.decisive ? 'MATCH' : 'REVIEW';
  return isMatch(distance, rule.reviewThreshold) ? 'REVIEW' : 'UNKNOWN';
}

/**
 * The false match rate that one comparison may have so that a stranger compared with `comparisons`
 * faces comes back as somebody at `falseHitRate` at most: 1 − (1 − rate)^(1/n). It errs on the safe side,
 * because faces of one person are not independent.
 */
export function fmrAllowed(falseHitRate: number, comparisons: number): number {
  // Not as it stands above, which loses all digits for large galleries.
  return -Math.expm1(Math.log1p(-falseHitRate) / Math.max(1, comparisons));
}

/**
 * The most generous threshold whose false match rate is below what is allowed with 95 % confidence. Where
 * the pairs are too few to tell that of any, the strictest that they support, which then decides nothing.
 */
export function deriveThresholds(
  curve: FmrCurve,
  falseHitRate: number,
  comparisons: number,
): Derived {
  const [strictest] = curve.curve;
  const allowed = fmrAllowed(falseHitRate, comparisons);
  const match = lastBelow(curve, allowed);
  const review = lastBelow(
    curve,
    fmrAllowed(Math.min(REVIEW_FACTOR * falseHitRate, 0.5), comparisons),
  );
  const threshold = (match ?? strictest).threshold;
  return {
    threshold,
    reviewThreshold: Math.max(threshold, (review ?? strictest).threshold),
    decisive: match !== undefined,
    fmrAllowed: allowed,
    fmrSupported: boundAt(curve, strictest),
  };
}

/** What is known of the false match rate of a distance: that of the next threshold of the curve. */
export function estimateFmr(curve: FmrCurve, distance: number): FmrEstimate {
  const at = curve.curve.findIndex(({ threshold }) => isMatch(distance, threshold));
  if (at < 0) return { fmr: null, below: 1 };
  const point = curve.curve[at];
  // Nothing is known of thresholds stricter than the strictest.
  const known = at > 0 && point.fmr * curve.impostorPairs >= 3;
  return { fmr: known ? point.fmr : null, below: boundAt(curve, point) };
}

function lastBelow(curve: FmrCurve, allowed: number) {
  return curve.curve.findLast((point) => boundAt(curve, point) <= allowed);
}

function boundAt({ impostorPairs }: FmrCurve, { fmr }: Pick<OperatingPoint, 'fmr'>): number {
  return rateBelow(Math.round(fmr * impostorPairs), impostorPairs);
}
