import { manifest } from '../../engine/weights/manifest.ts';
import type { Calibration, Gallery, PrismaClient } from '../../generated/prisma/client.ts';
import {
  type Decision,
  type Derived,
  decide,
  deriveThresholds,
  estimateFmr,
  type FmrCurve,
  type FmrEstimate,
  type Thresholds,
} from './decide.ts';
import { calibrationsInForce, fmrCurve } from './inForce.ts';

/** Where a threshold comes from. */
export type Basis = 'ARGUMENT' | 'GALLERY' | 'CALIBRATION' | 'MODEL_CARD';

/** How the faces of one search are judged, and why so. */
export interface Rule extends Thresholds {
  readonly basis: Basis;
  /** What the threshold was derived from; null on another basis. */
  readonly calibration: Calibration | null;
  /** A stranger's chance to come back as somebody that the threshold has to keep. */
  readonly falseHitRate: number;
  /** Enrolled faces or templates that each face is compared with. */
  readonly comparisons: number;
  /** False match rates of one comparison: what has to be kept and what can be told; null on another basis. */
  readonly fmrAllowed: number | null;
  readonly fmrSupported: number | null;
}

/** The judge of one search. */
export interface Judge {
  readonly rule: Rule;
  decide(distance: number): Decision;
  /** Of a face of this gallery, or of none that is stored; null where nothing is known of such distances. */
  fmrOf(distance: number, galleryId?: string): FmrEstimate | null;
  /** The calibration in force of a gallery. */
  calibrationOf(galleryId: string): Calibration | null;
}

/** What is compared. */
export interface Compared {
  readonly model: string;
  /** Of the stored faces; none where photographs are compared. */
  readonly galleries: readonly Gallery[];
  /** Enrolled faces or templates that each face is compared with; 1 for two photographs. */
  readonly comparisons: number;
  /** Calibrations tell of faces, and nothing of templates. */
  readonly rankBy: 'face' | 'template';
  /** Cosine distance; wins over everything. */
  readonly threshold?: number | null;
}

/** A stranger's chance of a false hit where the gallery says none. */
export const DEFAULT_FALSE_HIT_RATE = 0.01;

/**
 * How distances are judged: by the threshold that was asked for, else by each gallery's own, else by
 * that of its calibration, else by the model card's; of several galleries the strictest counts.
 * @param cardThreshold the model card's.
 */
export async function judgeOf(
  db: PrismaClient,
  compared: Compared,
  cardThreshold: number,
): Promise<Judge> {
  const { galleries, model, rankBy } = compared;
  const calibrations =
    rankBy === 'face' ? await calibrationsInForce(db, galleries) : new Map<string, Calibration>();
  const curves = new Map([...calibrations].map(([id, one]) => [id, fmrCurve(one)]));
  const card = rankBy === 'face' ? cardCurve(model) : null;
  const calibrationOf = (id: string) => calibrations.get(id) ?? null;
  const rates = galleries.map(({ falseHitRate }) => falseHitRate ?? DEFAULT_FALSE_HIT_RATE);
  const falseHitRate = Math.min(...rates, ...(rates.length > 0 ? [] : [DEFAULT_FALSE_HIT_RATE]));
  const { comparisons, threshold } = compared;
  const base = { falseHitRate, comparisons };
  const rules = galleries.map((gallery): Rule => {
    if (gallery.threshold !== null) return fixed(base, 'GALLERY', gallery.threshold);
    const curve = curves.get(gallery.id);
    if (!curve) return fixed(base, 'MODEL_CARD', cardThreshold);
    const derived: Derived = deriveThresholds(curve, falseHitRate, comparisons);
    return { ...base, ...derived, basis: 'CALIBRATION', calibration: calibrationOf(gallery.id) };
  });
  const rule =
    threshold != null
      ? fixed(base, 'ARGUMENT', threshold)
      : strictest([
          ...rules,
          ...(rules.length > 0 ? [] : [fixed(base, 'MODEL_CARD', cardThreshold)]),
        ]);
  return {
    rule,
    decide: (distance) => decide(distance, rule),
    fmrOf: (distance, galleryId) => {
      const curve = (galleryId && curves.get(galleryId)) || card;
      return curve ? estimateFmr(curve, distance) : null;
    },
    calibrationOf,
  };
}

/** How a rule came to its threshold, in one line. */
export function explainRule(rule: Rule): string {
  const { basis, calibration, falseHitRate, comparisons, fmrAllowed, fmrSupported } = rule;
  if (basis === 'ARGUMENT') return 'the threshold that was asked for';
  if (basis === 'GALLERY') return "the gallery's own threshold";
  if (!calibration || fmrAllowed === null || fmrSupported === null)
    return "the model card's threshold: no calibration applies, so that no false hit rate is kept";
  const needed = `a false hit rate of ${falseHitRate} over ${comparisons} comparisons allows a false match rate of ${short(fmrAllowed)}`;
  return rule.decisive
    ? `${needed}, which ${calibration.impostorPairs} impostor pairs support at this threshold`
    : `${needed}; ${calibration.impostorPairs} impostor pairs support no less than ${short(fmrSupported)}, so that hits are to be reviewed`;
}

function fixed(
  base: Pick<Rule, 'falseHitRate' | 'comparisons'>,
  basis: Basis,
  threshold: number,
): Rule {
  return {
    ...base,
    basis,
    threshold,
    reviewThreshold: threshold,
    decisive: true,
    calibration: null,
    fmrAllowed: null,
    fmrSupported: null,
  };
}

function strictest(rules: readonly Rule[]): Rule {
  return rules.reduce((least, rule) => (rule.threshold < least.threshold ? rule : least));
}

function cardCurve(model: string): FmrCurve | null {
  const points = manifest(model).operatingPoints;
  return points ? { impostorPairs: points[0].pairs, curve: points } : null;
}

function short(rate: number): string {
  return rate.toPrecision(2);
}
