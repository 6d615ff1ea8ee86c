import { z } from 'zod';
import { FacegraphError } from '../../errors.ts';
import { MAX_LABELS } from '../gallery/person.ts';
import { MAX_DAYS, MAX_FALSE_HIT_RATE, MIN_FALSE_HIT_RATE } from '../gallery/settings.ts';
import { LIMIT_NAMES, LIMITS, limitOf } from '../quality/limits.ts';

/** The files of a bundle in the order they lie in the archive. docs/bundle.md is the specification. */
export const MEMBERS = [
  'manifest.json',
  'identities.jsonl',
  'faces.jsonl',
  'embeddings.f16',
  'checksums.json',
] as const;

export type Member = (typeof MEMBERS)[number];

/** A photograph, called by the sha256 of its bytes; they lie before the checksums. */
export type ImageMember = `images/${string}`;

/** Bytes of a photograph at most. */
export const MAX_IMAGE = 64 << 20;

/** Bytes of a line at most, and of the two JSON documents. */
export const MAX_LINE = 1 << 16;
/** Identities, and faces, of a gallery at most. */
export const MAX_COUNT = 10_000_000;
/** Faces of one identity at most: its template compares each with each. */
export const MAX_FACES_OF_ONE = 5000;

// PostgreSQL's text holds neither NUL nor half a surrogate pair.
const Text = z.string().regex(/^[^\0\p{Cs}]*$/u, 'has a character that is none');
const Name = Text.min(1).max(200);
// Lower case and of one form, so that every database and language sorts them alike.
const Id = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'is no UUID');
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is no sha256');
const Moment = z.iso.datetime({ precision: 3 });
const Count = z.int().min(0).max(MAX_COUNT);

const Limits = z.strictObject(
  Object.fromEntries(
    LIMIT_NAMES.map((name) => {
      const { range, whole } = limitOf(name);
      const number = whole ? z.int() : z.number();
      return [name, number.min(range[0]).max(range[1]).optional()];
    }),
  ),
);
const MEASURES = [...new Set(LIMIT_NAMES.map((name): string => LIMITS[name].measure))].filter(
  (measure) => measure !== 'confidence',
);
// Absent in bundles from before faces were measured.
const Measure = z.number().nullable().default(null);

/** The gallery's own fields: columns of the table by their names. */
export const GalleryFields = z.strictObject({
  id: Id,
  name: Name,
  threshold: z.number().min(0).max(2).nullable(),
  // Bundles made before there was one have none.
  falseHitRate: z.number().min(MIN_FALSE_HIT_RATE).max(MAX_FALSE_HIT_RATE).nullable().default(null),
  keepImages: z.boolean(),
  retentionDays: z.int().min(1).max(MAX_DAYS).nullable(),
  /** Those that are not the standard. Absent in bundles from before there were any. */
  qualityLimits: Limits.nullable().default(null),
  createdAt: Moment,
});

/** A line of identities.jsonl: columns of the table by their names. */
export const IdentityLine = z.strictObject({
  id: Id,
  // More could be too long for the index that keeps it unique.
  externalId: Text.max(600).nullable(),
  name: Name,
  labels: z.array(Name).max(MAX_LABELS),
  consentBasis: Name.nullable(),
  consentRecordedAt: Moment.nullable(),
  consentExpiresAt: Moment.nullable(),
  createdAt: Moment,
});

/** A line of faces.jsonl: columns of the table by their names. */
export const FaceLine = z
  .strictObject({
    id: Id,
    /** Null: nobody's yet. */
    identityId: Id.nullable(),
    box: z.array(z.int32()).length(4),
    landmarks: z.array(z.number()).length(10),
    confidence: z.number().min(0).max(1),
    imageHash: Sha256,
    score: Measure,
    size: z.int32().nullable().default(null),
    sharpness: Measure,
    yaw: Measure,
    pitch: Measure,
    roll: Measure,
    brightness: Measure,
    contrast: Measure,
    dark: Measure,
    bright: Measure,
    outside: z.int().min(0).max(5).nullable().default(null),
    createdAt: Moment,
  })
  .refine(measuredWhole, 'has only some of the measures');

export const Manifest = z.strictObject({
  format: z.literal('facegraph-gallery'),
  version: z.literal(1),
  model: z.strictObject({
    name: z.string().max(100),
    /** Which way of cutting faces for the model; 1 in bundles of before there were any. */
    revision: z.int().min(1).default(1),
    /** Length of an embedding; 0 when there is no face. */
    dimensions: z.int().min(0).max(65_536),
    /** sha256 of the files that the weights were published as; empty when not known. */
    weights: z.record(z.string().max(200), Sha256),
  }),
  gallery: GalleryFields,
  /** Bundles made before photographs travelled have no `images`. */
  counts: z.strictObject({ identities: Count, faces: Count, images: Count.default(0) }),
});

/** sha256 of every member but this one. */
export const Checksums = z.strictObject({
  'manifest.json': Sha256,
  'identities.jsonl': Sha256,
  'faces.jsonl': Sha256,
  'embeddings.f16': Sha256,
});

export type Manifest = z.infer<typeof Manifest>;
export type Checksums = z.infer<typeof Checksums>;
export type IdentityLine = z.infer<typeof IdentityLine>;
export type FaceLine = z.infer<typeof FaceLine>;

function measuredWhole(face: object): boolean {
  const measures = Object.entries(face).filter(([name]) => MEASURES.includes(name));
  return new Set(measures.map(([, value]) => value === null)).size === 1;
}

/**
 * Reads JSON of a known shape.
 * @param where names it in the reason of a failure.
 * @throws FacegraphError `BundleInvalid`.
 */
export function parseAs<T>(schema: z.ZodType<T>, json: string, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalid(`${where} is no JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw invalid(`${where}: ${[...path, ''].join('.')} ${message}`.replace('. ', ' '));
}

/** What is wrong with a bundle. */
export function invalid(reason: string): FacegraphError {
  return new FacegraphError('BundleInvalid', reason);
}
