import { manifest } from '../../engine/weights/manifest.ts';
import type { Calibration, Gallery, PrismaClient } from '../../generated/prisma/client.ts';
import {
  type Decision,
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
  /** What a calibrated threshold follows from; null on another basis, which keeps no rate. */
  readonly kept: Kept | null;
}

/** A promise, and what it rests on. */
export interface Kept {
  readonly calibration: Calibration;
  /** A stranger's chance to come back as somebody. */
  readonly falseHitRate: number;
  /** Enrolled faces that each face is compared with. */
  readonly comparisons: number;
  /** False match rate of one comparison that this allows. */
  readonly fmrAllowed: number;
  /** The lowest that the calibration's pairs can tell. */
  readonly fmrSupported: number;
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
  /** Enrolled faces that each face is compared with. */
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
  const { model, rankBy } = compared;
  const calibrations = await calibrationsOf(db, compared);
  const curves = new Map([...calibrations].map(([id, one]) => [id, fmrCurve(one)]));
  const card = rankBy === 'face' ? cardCurve(model) : null;
  const rule = ruleOf(compared, calibrations, cardThreshold);
  return {
    rule,
    decide: (distance) => decide(distance, rule),
    fmrOf: (distance, galleryId) => {
      const curve = (galleryId && curves.get(galleryId)) || card;
      return curve ? estimateFmr(curve, distance) : null;
    },
    calibrationOf: (galleryId) => calibrations.get(galleryId) ?? null,
  };
}

/** How `judgeOf` would judge, for whoever needs no more than the thresholds. */
export async function ruleFor(
  db: Pick<PrismaClient, 'calibration'>,
  compared: Compared,
  cardThreshold: number,
): Promise<Rule> {
  return ruleOf(compared, await calibrationsOf(db, compared), cardThreshold);
}

/** How a rule came to its threshold, in one line. */
export function explainRule({ basis, kept, decisive }: Rule): string {
  if (basis === 'ARGUMENT') return 'the threshold that was asked for';
  if (basis === 'GALLERY') return "the gallery's own threshold";
  if (!kept)
    return "the model card's threshold: no calibration applies, so no false hit rate is kept";
  const { impostorPairs } = kept.calibration;
  const needed = `a false hit rate of ${kept.falseHitRate} over ${kept.comparisons} comparisons allows each a false match rate of ${short(kept.fmrAllowed)}`;
  return decisive
    ? `${needed}, which ${impostorPairs} impostor pairs support at this threshold`
    : `${needed}; ${impostorPairs} impostor pairs support none below ${short(kept.fmrSupported)}, so hits are to be reviewed`;
}

function calibrationsOf(
  db: Pick<PrismaClient, 'calibration'>,
  { galleries, rankBy }: Compared,
): Promise<Map<string, Calibration>> {
  return calibrationsInForce(db, rankBy === 'face' ? galleries : []);
}

function ruleOf(
  { galleries, threshold, comparisons }: Compared,
  calibrations: ReadonlyMap<string, Calibration>,
  cardThreshold: number,
): Rule {
  if (threshold != null) return fixed('ARGUMENT', threshold);
  const rates = galleries.map((gallery) => gallery.falseHitRate ?? DEFAULT_FALSE_HIT_RATE);
  const rules = galleries.map((gallery): Rule => {
    if (gallery.threshold !== null) return fixed('GALLERY', gallery.threshold);
    const calibration = calibrations.get(gallery.id);
    if (!calibration) return fixed('MODEL_CARD', cardThreshold);
    // A stranger has one chance in all galleries together.
    const falseHitRate = Math.min(...rates);
    const { fmrAllowed, fmrSupported, ...thresholds } = deriveThresholds(
      fmrCurve(calibration),
      falseHitRate,
      comparisons,
    );
    const kept = { calibration, falseHitRate, comparisons, fmrAllowed, fmrSupported };
    return { ...thresholds, basis: 'CALIBRATION', kept };
  });
  return strictest(rules) ?? fixed('MODEL_CARD', cardThreshold);
}

function fixed(basis: Basis, threshold: number): Rule {
  return { basis, threshold, reviewThreshold: threshold, decisive: true, kept: null };
}

function strictest(rules: readonly Rule[]): Rule | undefined {
  const least = Math.min(...rules.map(({ threshold }) => threshold));
  return rules.find(({ threshold }) => threshold === least);
}

function cardCurve(model: string): FmrCurve | null {
  const points = manifest(model).operatingPoints;
  if (!points) return null;
  const curve = [...points].sort((a, b) => a.threshold - b.threshold);
  return { impostorPairs: curve[0].pairs, curve };
}

function short(rate: number): string {
  return String(Number(rate.toPrecision(2)));
}
