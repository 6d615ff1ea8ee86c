import { bootstrap } from '../statistics/bootstrap.ts';
import { finestFmr, pointAtFmr, ratesAt, type Scores, scoresOf } from '../statistics/errorRates.ts';
import { type Figure, figures } from './figure.ts';
import {
  bothOf,
  compared,
  type MaskComparison,
  type MaskSubject,
  maskedOf,
  plainOf,
  type Side,
  strangersOf,
} from './maskComparisons.ts';

/** What is compared with what. `masked enrolment`: a masked probe with the nearer of both enrolled. */
export type MaskConditionName = 'unmasked' | 'masked probe' | 'both masked' | 'masked enrolment';

/** Error rates of one way to compare; a face that was lost counts as a non-match. */
export interface MaskErrors {
  readonly genuine: number;
  readonly impostor: number;
  /** Genuine comparisons in which the detector had lost a masked face. */
  readonly lost: number;
  readonly fnmr: Figure;
  readonly fmr: Figure;
}

export interface MaskCondition extends MaskErrors {
  readonly name: MaskConditionName;
  /** Cosine distance up to which it matches: fixed on unmasked probes against what is enrolled. */
  readonly threshold: number;
}

export interface MaskGroup extends MaskErrors {
  readonly by: 'kind' | 'coverage' | 'colour';
  readonly value: string;
}

/** What a mask costs one person: probes that did not match them. */
export interface PersonAtRisk {
  readonly identity: string;
  readonly probes: number;
  readonly missedUnmasked: number;
  readonly missedMasked: number;
  readonly missedWithMaskedEnrolment: number;
  /** Mean distance of masked probes that have a face, less that of the same unmasked. */
  readonly rise: number;
  readonly maskedEnrolmentHelps: boolean;
}

export interface MaskFigures {
  /** The false match rate at which the thresholds are fixed on unmasked pairs. */
  readonly fmr: number;
  readonly conditions: readonly MaskCondition[];
  /** Masked probes against unmasked enrolment, by what they wear. */
  readonly groups: readonly MaskGroup[];
  /** Worst first. */
  readonly people: readonly PersonAtRisk[];
}

/** The rate to fix thresholds at, unless another is asked for. */
export const FINEST = 0.001;
/** Those to be content with where impostors are too few for it. */
const COARSER = [0.01, 0.1];

/**
 * What masks cost: error rates at the threshold that unmasked pairs fix.
 * @param subjects those without probes are strangers to the probes of others.
 * @param finest the false match rate to fix thresholds at; 0.01 or 0.1, where impostors are too few for it.
 * @returns null when there are too few people for a false match rate of a tenth.
 */
export function maskFigures(
  subjects: readonly MaskSubject[],
  seed: number,
  finest = FINEST,
): MaskFigures | null {
  const strangers = strangersOf(subjects, seed);
  const compare = (enrolled: Side, probe: Side) => compared(subjects, strangers, enrolled, probe);
  const unmasked = compare(plainOf, plainOf);
  const scores = scoresOf(unmasked);
  const rates = [finest, ...COARSER.filter((rate) => rate > finest)];
  const fmr = rates.find((rate) => rate >= finestFmr(scores.impostor.length) - 1e-9);
  const point = fmr === undefined ? null : pointAtFmr(scores, fmr);
  if (fmr === undefined || !point) return null;
  const { threshold } = point;
  const masked = compare(plainOf, maskedOf);
  // More templates let more strangers in, so that enrolling both is judged at a threshold of its own.
  const wider = pointAtFmr(scoresOf(compare(bothOf, plainOf)), fmr)!.threshold;
  const helped = compare(bothOf, maskedOf);
  const condition = (name: MaskConditionName, at: number, all: readonly MaskComparison[]) => ({
    name,
    threshold: at,
    ...errors(all, at),
  });
  return {
    fmr,
    conditions: [
      condition('unmasked', threshold, unmasked),
      condition('masked probe', threshold, masked),
      condition('both masked', threshold, compare(maskedOf, maskedOf)),
      condition('masked enrolment', wider, helped),
    ],
    groups: (['kind', 'coverage', 'colour'] as const).flatMap((by) =>
      grouped(masked, by, threshold),
    ),
    people: atRisk({ unmasked, masked, helped }, threshold, wider),
  };
}

function errors(all: readonly MaskComparison[], threshold: number): MaskErrors {
  const statistics = (scores: Scores) => {
    const { fnmr, fmr } = ratesAt(scores, threshold);
    return [fnmr, fmr];
  };
  const scores = scoresOf(all);
  const [fnmr, fmr] = figures(statistics(scores), bootstrap(all, statistics));
  return {
    genuine: scores.genuine.length,
    impostor: scores.impostor.length,
    lost: all.filter(({ genuine, lost }) => genuine && lost).length,
    fnmr,
    fmr,
  };
}

function grouped(
  all: readonly MaskComparison[],
  by: MaskGroup['by'],
  threshold: number,
): MaskGroup[] {
  const values = new Set(all.flatMap(({ probe }) => probe.mask?.[by] ?? []));
  return [...values].sort().map((value) => ({
    by,
    value,
    ...errors(
      all.filter(({ probe }) => probe.mask?.[by] === value),
      threshold,
    ),
  }));
}

function atRisk(
  conditions: Record<'unmasked' | 'masked' | 'helped', readonly MaskComparison[]>,
  threshold: number,
  wider: number,
): PersonAtRisk[] {
  const own = (all: readonly MaskComparison[]) => {
    const people = new Map<string, MaskComparison[]>();
    for (const comparison of all.filter(({ genuine }) => genuine)) {
      const [identity] = comparison.identities;
      people.set(identity, [...(people.get(identity) ?? []), comparison]);
    }
    return people;
  };
  const [unmasked, masked, helped] = [
    conditions.unmasked,
    conditions.masked,
    conditions.helped,
  ].map(own);
  const missed = (all: readonly MaskComparison[], at: number) =>
    all.filter(({ distance }) => distance > at).length;
  const people = [...masked].map(([identity, worn]): PersonAtRisk => {
    const bare = unmasked.get(identity)!;
    const rises = worn.flatMap((comparison, i) => {
      const rise = comparison.distance - bare[i].distance;
      return Number.isFinite(rise) ? rise : [];
    });
    const missedMasked = missed(worn, threshold);
    const missedWithMaskedEnrolment = missed(helped.get(identity)!, wider);
    return {
      identity,
      probes: worn.length,
      missedUnmasked: missed(bare, threshold),
      missedMasked,
      missedWithMaskedEnrolment,
      rise: rises.reduce((a, b) => a + b, 0) / rises.length,
      maskedEnrolmentHelps: missedWithMaskedEnrolment < missedMasked,
    };
  });
  const share = ({ missedMasked, probes }: PersonAtRisk) => missedMasked / probes;
  return people.sort((a, b) => share(b) - share(a) || (b.rise || 0) - (a.rise || 0));
}
