import type {
  Face,
  Gallery,
  Identity,
  Prisma,
  PrismaClient,
} from '../../generated/prisma/client.ts';
import { type Rule, ruleFor } from '../calibration/rule.ts';
import { isMatch } from '../distance.ts';
import { completeLimits, LIMIT_NAMES, LIMITS, type QualityLimits } from '../quality/limits.ts';
import type { Service } from './galleries.ts';
import { rowsOf } from './rows.ts';
import { qualityLimits } from './settings.ts';
import { outlierThreshold } from './template.ts';

/** A face that is not like the others of its person. */
export interface Outlier {
  readonly face: Face;
  /** Cosine distance from the mean of the person's other faces. */
  readonly distance: number;
  /** Who else it would match better, when there is somebody. */
  readonly nearest: { readonly identity: Identity; readonly distance: number } | null;
}

/** A part of a list. */
export interface Window {
  readonly limit: number;
  readonly offset: number;
}

/**
 * Whether a face is its person's, judged as `verify` judges two faces: by the gallery's own threshold,
 * else its calibration, else the model card.
 */
export function outlierRule({ db }: Pick<Service, 'db'>, gallery: Gallery): Promise<Rule> {
  return galleryRule(db, gallery, 1);
}

/**
 * Whether two people would be taken for one, judged as `identify` judges a face that it compares with the
 * whole gallery.
 */
export function confusableRule(
  { db, indexes }: Pick<Service, 'db' | 'indexes'>,
  gallery: Gallery,
): Promise<Rule> {
  return galleryRule(db, gallery, indexes.size(gallery.id));
}

// Means of faces are judged here as faces are: those of one person lie nearer to each other, strangers'
// too, so that rather too many people are shown as confusable than too few.
function galleryRule(db: PrismaClient, gallery: Gallery, comparisons: number): Promise<Rule> {
  const compared = {
    model: gallery.model,
    galleries: [gallery],
    comparisons,
    rankBy: 'face',
  } as const;
  return ruleFor(db, compared, outlierThreshold(gallery));
}

/** Faces of people that the gallery would not enrol today, for Prisma. */
export function weakFaces(gallery: Gallery): Prisma.FaceWhereInput {
  return {
    galleryId: gallery.id,
    identityId: { not: null },
    score: { not: null },
    OR: beyond(qualityLimits(gallery)),
  };
}

function beyond(own: QualityLimits | null): Prisma.FaceWhereInput[] {
  const limits = completeLimits(own);
  return LIMIT_NAMES.flatMap((name) => {
    const { measure, bound } = LIMITS[name];
    const limit = limits[name];
    if (bound === 'min') return [{ [measure]: { lt: limit } }];
    // Angles have a sign, and their limits have none.
    return [{ [measure]: { gt: limit } }, { [measure]: { lt: -limit } }];
  });
}

/** Faces that would not match the rest of their person, for Prisma. */
export function outlying({ id }: Gallery, { threshold }: Rule): Prisma.FaceWhereInput {
  return { galleryId: id, identityId: { not: null }, apart: { gt: threshold } };
}

/** People whose data is held for no reason that holds today, for Prisma. */
export function withoutConsent(gallery: Gallery, now = new Date()): Prisma.IdentityWhereInput {
  return {
    galleryId: gallery.id,
    OR: [{ consentBasis: null }, { consentExpiresAt: { lte: now } }],
  };
}

/**
 * The faces that are farthest from the others of their person, farthest first.
 * @param rule see `outlierRule`.
 * @throws FacegraphError those of the engine.
 */
export async function outliers(
  { db, indexes }: Pick<Service, 'db' | 'indexes'>,
  gallery: Gallery,
  rule: Rule,
  { limit, offset }: Window,
): Promise<Outlier[]> {
  const faces = await db.face.findMany({
    where: outlying(gallery, rule),
    orderBy: [{ apart: 'desc' }, { id: 'asc' }],
    take: limit,
    skip: offset,
  });
  const ids = faces.map(({ id }) => id);
  const rows = new Map((await rowsOf(db, gallery, ids)).map((row) => [row.faceId, row]));
  const present = faces.filter(({ id }) => rows.has(id));
  const { threshold } = rule;
  // The person's own template may be the nearest all the same.
  const found = await indexes.identify(
    gallery.id,
    present.map(({ id }) => rows.get(id)!.embedding),
    { top: 2, threshold, rankBy: 'template' },
  );
  const others = present.map((face, i) =>
    found[i].candidates.find(
      ({ identity, distance }) =>
        identity !== face.identityId && isMatch(distance, threshold) && distance < face.apart!,
    ),
  );
  const people = await identitiesOf(
    db,
    others.flatMap((other) => other?.identity ?? []),
  );
  return present.map((face, i) => {
    const [other, identity] = [others[i], people.get(others[i]?.identity ?? '')];
    const nearest = other && identity ? { identity, distance: other.distance } : null;
    return { face, distance: face.apart!, nearest };
  });
}

/** People with one face, by whom a bad photograph goes unnoticed; in the order they were entered. */
export async function singleFaced(
  db: PrismaClient,
  { id: galleryId }: Pick<Gallery, 'id'>,
  { limit, offset }: Window,
): Promise<Identity[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT "identityId" AS "id" FROM "Face" WHERE "galleryId" = ${galleryId} AND "identityId" IS NOT NULL
    GROUP BY "identityId" HAVING count(*) = 1 ORDER BY "identityId" LIMIT ${limit} OFFSET ${offset}`;
  const people = await identitiesOf(
    db,
    rows.map(({ id }) => id),
  );
  return rows.flatMap(({ id }) => people.get(id) ?? []);
}

/** How many people have one face. */
export async function countSingleFaced(
  db: PrismaClient,
  { id: galleryId }: Pick<Gallery, 'id'>,
): Promise<number> {
  const [{ people }] = await db.$queryRaw<[{ people: number }]>`
    SELECT count(*)::int AS "people" FROM (
      SELECT 1 FROM "Face" WHERE "galleryId" = ${galleryId} AND "identityId" IS NOT NULL
      GROUP BY "identityId" HAVING count(*) = 1) AS single`;
  return people;
}

/** Some people by their ids. */
export async function identitiesOf(
  db: PrismaClient,
  ids: readonly string[],
): Promise<Map<string, Identity>> {
  const rows = await db.identity.findMany({ where: { id: { in: [...new Set(ids)] } } });
  return new Map(rows.map((row) => [row.id, row]));
}
