import { FacegraphError } from '../../errors.ts';
import {
  equalErrorRate,
  finestFmr,
  type OperatingPoint,
  pointAtFmr,
  pointWithin,
  type Scores,
  within,
} from '../statistics/errorRates.ts';
import { type Interval, wilson } from '../statistics/interval.ts';

/** A threshold for a false match rate, and what was measured at it. */
export interface PromisedPoint extends OperatingPoint {
  /** The false match rate that it keeps. */
  readonly promised: number;
  /** 95 %, Wilson's: pairs count as independent, which those that share a face are not. */
  readonly fmrInterval: Interval;
  readonly fnmrInterval: Interval;
}

/** What comparisons of a gallery's own faces say of distances. */
export interface Measured {
  readonly genuinePairs: number;
  readonly impostorPairs: number;
  readonly equalErrorRate: number;
  readonly equalErrorThreshold: number;
  /** From the most generous to the strictest that the pairs allow. */
  readonly points: readonly PromisedPoint[];
  /** By ascending threshold: from the one within which no impostor is to that of all of them. */
  readonly curve: readonly OperatingPoint[];
}

/** The false match rates that are promised, where the pairs allow it. */
export const PROMISED = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6] as const;

/** Every rank up to this one has a point of the curve, and then each by so much more than the last. */
const EVERY_RANK = 32;
const STEP = 1.1;

/**
 * The operating points and the curve of some comparisons.
 * @throws FacegraphError `TooFewFaces` without a genuine pair, or when not even the most generous rate
 *   may be claimed.
 */
export function measure(scores: Scores): Measured {
  const { genuine, impostor } = scores;
  if (genuine.length === 0 || finestFmr(impostor.length) > PROMISED[0])
    throw new FacegraphError(
      'TooFewFaces',
      `${genuine.length} genuine and ${impostor.length} impostor pairs: it takes one and ${Math.ceil(3 / PROMISED[0])}`,
    );
  const { threshold, rate } = equalErrorRate(scores);
  return {
    genuinePairs: genuine.length,
    impostorPairs: impostor.length,
    equalErrorRate: rate,
    equalErrorThreshold: threshold,
    points: PROMISED.flatMap((promised) => {
      const point = pointAtFmr(scores, promised);
      return point ? [{ promised, ...point, ...intervals(scores, point) }] : [];
    }),
    curve: curveOf(scores),
  };
}

function intervals({ genuine, impostor }: Scores, { threshold }: OperatingPoint) {
  const misses = genuine.length - within(genuine, threshold);
  return {
    fmrInterval: wilson(within(impostor, threshold), impostor.length),
    fnmrInterval: wilson(misses, genuine.length),
  };
}

function curveOf(scores: Scores): OperatingPoint[] {
  const points = ranks(scores.impostor.length).map((rank) => pointWithin(scores, rank));
  // Impostors at one distance give one threshold.
  return points.filter(({ threshold }, i) => threshold > (points[i - 1]?.threshold ?? -Infinity));
}

function ranks(count: number): number[] {
  const chosen: number[] = [];
  for (let rank = 0; rank < count; rank = rank < EVERY_RANK ? rank + 1 : Math.ceil(rank * STEP))
    chosen.push(rank);
  return [...chosen, count];
}
