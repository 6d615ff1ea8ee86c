import { FacegraphError, type QualityCode } from '../../errors.ts';
import type { Quality } from './quality.ts';

/** What an enrolled face must reach, or may not exceed. */
export interface Limit {
  readonly measure: keyof Quality;
  readonly bound: 'min' | 'max';
  /** What a face beyond it is refused as. */
  readonly code: QualityCode;
  /** For galleries that say nothing else; at one end of the range nothing is refused. */
  readonly standard: number;
  readonly range: readonly [from: number, to: number];
  /** Whether it counts things. */
  readonly whole?: boolean;
  /** In words, with its unit. */
  readonly means: string;
}

/**
 * Every limit, the first one that a face breaks being the reason of its refusal. The standards refuse
 * 19 of the 1,549 faces of lfw-dev, most of them for their pose.
 */
export const LIMITS = {
  minConfidence: {
    measure: 'confidence',
    bound: 'min',
    code: 'LowConfidence',
    standard: 0.9,
    range: [0, 1],
    means: "The detector's probability that it is a face",
  },
  maxOutside: {
    measure: 'outside',
    bound: 'max',
    code: 'LandmarksOutside',
    standard: 0,
    range: [0, 5],
    whole: true,
    means: 'Landmarks outside of the box',
  },
  minSize: {
    measure: 'size',
    bound: 'min',
    code: 'FaceTooSmall',
    standard: 40,
    range: [0, 10_000],
    whole: true,
    means: 'Shorter side of the box, in pixels',
  },
  maxYaw: {
    measure: 'yaw',
    bound: 'max',
    code: 'PoseTooExtreme',
    standard: 45,
    range: [0, 90],
    means: 'How far it is turned to a side, in degrees',
  },
  maxPitch: {
    measure: 'pitch',
    bound: 'max',
    code: 'PoseTooExtreme',
    standard: 35,
    range: [0, 90],
    means: 'How far it looks up or down, in degrees',
  },
  maxRoll: {
    measure: 'roll',
    bound: 'max',
    code: 'PoseTooExtreme',
    standard: 45,
    range: [0, 180],
    means: 'How far it is tilted, in degrees',
  },
  minBrightness: {
    measure: 'brightness',
    bound: 'min',
    code: 'FaceTooDark',
    standard: 0.08,
    range: [0, 1],
    means: 'Mean luminance',
  },
  maxDark: {
    measure: 'dark',
    bound: 'max',
    code: 'FaceTooDark',
    standard: 0.4,
    range: [0, 1],
    means: 'Share of the face that is all but black',
  },
  maxBrightness: {
    measure: 'brightness',
    bound: 'max',
    code: 'FaceOverexposed',
    standard: 0.85,
    range: [0, 1],
    means: 'Mean luminance',
  },
  maxBright: {
    measure: 'bright',
    bound: 'max',
    code: 'FaceOverexposed',
    standard: 0.4,
    range: [0, 1],
    means: 'Share of the face that is all but white',
  },
  minContrast: {
    measure: 'contrast',
    bound: 'min',
    code: 'LowContrast',
    standard: 0.04,
    range: [0, 1],
    means: 'Standard deviation of the luminance',
  },
  minSharpness: {
    measure: 'sharpness',
    bound: 'min',
    code: 'FaceTooBlurry',
    standard: 0.15,
    range: [0, 10],
    means: 'Fine detail against coarse',
  },
  minScore: {
    measure: 'score',
    bound: 'min',
    code: 'QualityTooLow',
    standard: 0.2,
    range: [0, 1],
    means: 'All of it together',
  },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof LIMITS;

/** The names of all limits, in the order they are checked. */
export const LIMIT_NAMES = Object.keys(LIMITS) as LimitName[];

/** A limit by its name. */
export function limitOf(name: LimitName): Limit {
  return LIMITS[name];
}

/** Limits of a gallery; what is absent or null is the standard. */
export type QualityLimits = { readonly [Name in LimitName]?: number | null };

/** Why a face is not good enough. */
export interface QualityRefusal {
  readonly code: QualityCode;
  readonly limitName: LimitName;
  readonly measure: keyof Quality;
  /** As measured; angles without their sign. */
  readonly value: number;
  readonly limit: number;
}

/**
 * Limits as a client gives them.
 * @throws FacegraphError `InvalidInput` for one outside of its range.
 */
export function checkedLimits(limits: QualityLimits): QualityLimits {
  for (const name of LIMIT_NAMES) {
    const value = limits[name];
    const [from, to] = LIMITS[name].range;
    if (value != null && !(value >= from && value <= to))
      throw new FacegraphError('InvalidInput', `${name} is ${value}: give ${from} to ${to}`);
  }
  return limits;
}

/** Every limit, the standard where the gallery has none of its own. */
export function completeLimits(own: QualityLimits | null): Record<LimitName, number> {
  const entries = LIMIT_NAMES.map((name) => [name, own?.[name] ?? LIMITS[name].standard]);
  return Object.fromEntries(entries);
}

/** Every limit that a face breaks, the gravest first; empty when it is good enough. */
export function refusalsOf(quality: Quality, own: QualityLimits | null): QualityRefusal[] {
  const limits = completeLimits(own);
  return LIMIT_NAMES.flatMap((limitName) => {
    const { measure, bound, code } = LIMITS[limitName];
    const [value, limit] = [Math.abs(quality[measure]), limits[limitName]];
    const within = bound === 'min' ? value >= limit : value <= limit;
    return within ? [] : [{ code, limitName, measure, value, limit }];
  });
}

/** The failure of an enrolment; `details` are the refusal. */
export function qualityFailure(refusal: QualityRefusal): FacegraphError {
  return new FacegraphError(refusal.code, refusalText(refusal), { ...refusal });
}

/** A refusal in one line. */
export function refusalText({ limitName, measure, value, limit }: QualityRefusal): string {
  const { bound } = LIMITS[limitName];
  const wanted = `the gallery takes ${bound === 'min' ? 'no less' : 'no more'} than ${limit}`;
  return `the face has ${measure} ${Number(value.toPrecision(3))}: ${wanted}`;
}
