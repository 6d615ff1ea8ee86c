import { cosineDistance } from '../distance.ts';
import { bootstrap, type PeopleCompared } from '../statistics/bootstrap.ts';
import {
  areaUnderCurve,
  equalErrorRate,
  type OperatingPoint,
  pointAtFmr,
  ratesAt,
  type Scores,
  scoresOf,
  within,
} from '../statistics/errorRates.ts';
import { type FoldedAccuracy, foldedAccuracy } from '../statistics/folds.ts';
import { type Figure, figures } from './figure.ts';
import type { Pair } from './pairs.ts';

/** A pair that was compared; its distance is Infinity where a picture has no face. */
export interface ComparedPair extends Pair, PeopleCompared {}

/** True accept rate at a false accept rate; null when there are too few impostors to claim the latter. */
export interface TarAtFar {
  readonly far: number;
  readonly point: { readonly threshold: number; readonly tar: Figure } | null;
}

export interface VerificationFigures {
  readonly accuracy: FoldedAccuracy & Pick<Figure, 'interval'>;
  readonly equalErrorRate: Figure & { readonly threshold: number };
  /** Area under the ROC curve. */
  readonly areaUnderCurve: Figure;
  readonly tarAtFar: readonly TarAtFar[];
  /** At the threshold that the model's card gives. */
  readonly atModelThreshold: OperatingPoint;
}

/** The false accept rates that are asked for. */
export const FARS = [0.1, 0.01, 0.001] as const;

/** Compares the pictures of every pair; one without a face matches nobody. */
export function comparePairs(
  pairs: readonly Pair[],
  embeddingOf: (picture: string) => Float32Array | undefined,
): ComparedPair[] {
  return pairs.map((pair) => {
    const [a, b] = pair.pictures.map(embeddingOf);
    return { ...pair, distance: a && b ? cosineDistance(a, b) : Infinity };
  });
}

/** The figures of a test; intervals by bootstrap over identities. */
export function verificationFigures(
  pairs: readonly ComparedPair[],
  modelThreshold: number,
): VerificationFigures {
  const scores = scoresOf(pairs);
  const statistics = (drawn: Scores) => [
    equalErrorRate(drawn).rate,
    areaUnderCurve(drawn),
    ...FARS.map((far) => tarAt(drawn, far)),
  ];
  const [eer, area, ...tars] = figures(statistics(scores), bootstrap(pairs, statistics));
  const accuracy = foldedAccuracy(pairs);
  return {
    accuracy: { ...accuracy, interval: accuracyInterval(pairs, accuracy) },
    equalErrorRate: { ...eer, threshold: equalErrorRate(scores).threshold },
    areaUnderCurve: area,
    tarAtFar: FARS.map((far, i) => {
      const point = pointAtFmr(scores, far);
      return { far, point: point && { threshold: point.threshold, tar: tars[i] } };
    }),
    atModelThreshold: ratesAt(scores, modelThreshold),
  };
}

function tarAt(scores: Scores, far: number): number {
  const point = pointAtFmr(scores, far);
  return point ? 1 - point.fnmr : Number.NaN;
}

// Each pair is right or wrong at the threshold of its fold: as distances 0 and 1 they can be drawn.
function accuracyInterval(pairs: readonly ComparedPair[], { folds }: FoldedAccuracy) {
  const names = [...new Set(pairs.map(({ fold }) => fold))].sort((a, b) => a - b);
  const judged = pairs.map((pair) => {
    const { threshold } = folds[names.indexOf(pair.fold)];
    return { ...pair, distance: pair.distance <= threshold === pair.genuine ? 0 : 1 };
  });
  const [interval] = bootstrap(judged, ({ genuine, impostor }) => [
    (within(genuine, 0) + within(impostor, 0)) / (genuine.length + impostor.length),
  ]);
  return interval;
}
