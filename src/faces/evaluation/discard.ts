import { cosineDistance } from '../distance.ts';
import { resample } from '../statistics/bootstrap.ts';
import { type OperatingPoint, pointAtFmr } from '../statistics/errorRates.ts';
import type { Figure } from './figure.ts';

/** A face of a test and what its quality was found to be. */
export interface JudgedFace {
  readonly identity: string;
  readonly embedding: Float32Array;
  /** 0 to 1. */
  readonly score: number;
}

/** What is left when the worst faces are refused. */
export interface DiscardPoint {
  /** Share of the faces that is refused, 0 to 1. */
  readonly refused: number;
  /** The lowest score that is left. */
  readonly lowestScore: number;
  readonly faces: number;
  readonly genuinePairs: number;
  readonly impostorPairs: number;
  /** One for each false match rate asked for; null where there are too few impostor pairs to say so. */
  readonly at: readonly (DiscardRate | null)[];
}

/** The errors at one false match rate. */
export interface DiscardRate extends Omit<OperatingPoint, 'fnmr'> {
  readonly fnmr: Figure;
  /** FNMR less that with every face. */
  readonly change: Figure;
}

interface Pair {
  /** Place of its identity among all, as `resample` draws them. */
  readonly person: number;
  readonly distance: number;
}

/**
 * The error-versus-discard characteristic: all pairs of the faces of the best quality, for each share
 * that is refused, with the threshold chosen anew so that the false match rate stays what it was.
 * Intervals are by bootstrap over identities with the thresholds as they are.
 */
export function discardCurve(
  faces: readonly JudgedFace[],
  shares: readonly number[],
  fmrs: readonly number[],
): DiscardPoint[] {
  // Best first: whoever refuses the worst keeps a beginning of this, and of the pairs.
  const sorted = [...faces].sort((a, b) => b.score - a.score);
  const names = [...new Set(sorted.map(({ identity }) => identity))];
  const people = new Map(names.map((identity, place) => [identity, place]));
  const genuine: Pair[] = [];
  const impostor = new Float64Array((sorted.length * (sorted.length - 1)) / 2);
  // How many of each there are when only so many faces are kept.
  const genuineOf = [0];
  const impostorsOf = [0];
  let impostors = 0;
  for (const [j, { identity, embedding }] of sorted.entries()) {
    for (const other of sorted.slice(0, j)) {
      const distance = cosineDistance(other.embedding, embedding);
      if (other.identity === identity) genuine.push({ person: people.get(identity)!, distance });
      else impostor[impostors++] = distance;
    }
    genuineOf.push(genuine.length);
    impostorsOf.push(impostors);
  }
  const kept = (share: number) => sorted.length - Math.round(share * sorted.length);
  const pointsOf = (share: number) => {
    const count = kept(share);
    const scores = {
      genuine: Float64Array.from(
        genuine.slice(0, genuineOf[count]),
        ({ distance }) => distance,
      ).sort(),
      impostor: impostor.slice(0, impostorsOf[count]).sort(),
    };
    return fmrs.map((fmr) => pointAtFmr(scores, fmr));
  };
  const whole = pointsOf(0);
  return shares.map((refused) => {
    const count = kept(refused);
    const pairs = genuine.slice(0, genuineOf[count]);
    const at = pointsOf(refused).map((point, i) => {
      const before = whole[i];
      if (!point || !before) return null;
      const { fnmr, ...rest } = point;
      const judge = judged(names.length, pairs, point.threshold);
      const judgeAll = judged(names.length, genuine, before.threshold);
      const [interval, change] = resample(names.length, (drawn) => {
        const now = judge(drawn);
        return [now, now - judgeAll(drawn)];
      });
      return {
        ...rest,
        fnmr: { value: fnmr, interval },
        change: { value: fnmr - before.fnmr, interval: change },
      };
    });
    return {
      refused,
      lowestScore: sorted[count - 1]?.score ?? Number.NaN,
      faces: count,
      genuinePairs: pairs.length,
      impostorPairs: impostorsOf[count],
      at,
    };
  });
}

/** The FNMR of a draw of identities, each of which brings its pairs along. */
function judged(people: number, pairs: readonly Pair[], threshold: number) {
  const [all, missed] = [new Float64Array(people), new Float64Array(people)];
  for (const { person, distance } of pairs) {
    all[person]++;
    if (distance > threshold) missed[person]++;
  }
  return (drawn: Uint32Array) => {
    let [total, wrong] = [0, 0];
    for (let person = 0; person < people; person++) {
      total += drawn[person] * all[person];
      wrong += drawn[person] * missed[person];
    }
    return wrong / total;
  };
}
