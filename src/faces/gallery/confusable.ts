import type { Face, Gallery, Identity, PrismaClient } from '../../generated/prisma/client.ts';
import type { Rule } from '../calibration/rule.ts';
import { cosineDistance, isMatch } from '../distance.ts';
import type { Service } from './galleries.ts';
import { confusableRule, identitiesOf } from './health.ts';
import { rowsOf, templates } from './rows.ts';
import { SIMILAR } from './similar.ts';

/** Two people of a gallery who would be taken for one. */
export interface ConfusablePair {
  readonly a: Identity;
  readonly b: Identity;
  /** Cosine distance of their templates. */
  readonly distance: number;
  /** Their nearest faces; null where one lost its faces meanwhile. */
  readonly faces: { readonly a: Face; readonly b: Face; readonly distance: number } | null;
  /** Whether those are all but the same picture. */
  readonly duplicate: boolean;
}

/** A part of the search for such pairs. */
export interface ConfusablePage {
  readonly pairs: readonly ConfusablePair[];
  /** People whose neighbours were looked at. */
  readonly examined: number;
  /** Where to go on; null at the end. */
  readonly next: string | null;
  /** How their distances are judged. */
  readonly rule: Rule;
}

interface Found {
  readonly a: string;
  readonly b: string;
  readonly distance: number;
}

/** People whose neighbours are searched at once. */
const BATCH = 100;
/**
 * People of one call: it ends there even where nothing was found, to be gone on with. Of a gallery of 25,000
 * people lavapipe looks at 2,000 in 28 s of CPU, so that one call takes a few seconds.
 */
const BUDGET = 500;
/** Neighbours of a person that are looked at. */
const NEIGHBOURS = 10;
/** Faces that are compared for the nearest of two people. */
const FACES = 2000;

/**
 * Pairs of people whose templates match, in the order of the people, each pair once. Of each person the
 * ten nearest others are looked at.
 * @param first pairs after which it ends; those of the last person come whole.
 * @param after `next` of the page before.
 * @throws FacegraphError those of the engine.
 */
export async function confusablePairs(
  { db, indexes }: Pick<Service, 'db' | 'indexes'>,
  gallery: Gallery,
  { first, after = '' }: { readonly first: number; readonly after?: string },
): Promise<ConfusablePage> {
  const rule = await confusableRule({ db, indexes }, gallery);
  const { threshold } = rule;
  const found: Found[] = [];
  let [at, examined] = [after, 0];
  while (found.length < first && examined < BUDGET) {
    const page = await db.identity.findMany({
      where: { galleryId: gallery.id, id: { gt: at }, template: { not: null } },
      orderBy: { id: 'asc' },
      take: BATCH,
      select: { id: true },
    });
    if (page.length === 0)
      return { pairs: await described(db, gallery, found), examined, next: null, rule };
    const ids = page.map(({ id }) => id);
    const of = await templates(db, gallery.id, ids);
    const people = ids.filter((id) => of.has(id));
    const answers = await indexes.identify(
      gallery.id,
      people.map((id) => of.get(id)!),
      { top: NEIGHBOURS + 1, threshold, rankBy: 'template' },
    );
    at = ids[ids.length - 1];
    for (const [i, a] of people.entries()) {
      examined++;
      for (const { identity: b, distance } of answers[i].candidates)
        if (b > a && isMatch(distance, threshold)) found.push({ a, b, distance });
      if (found.length < first) continue;
      at = a;
      break;
    }
  }
  return { pairs: await described(db, gallery, found), examined, next: at, rule };
}

async function described(
  db: PrismaClient,
  gallery: Gallery,
  found: readonly Found[],
): Promise<ConfusablePair[]> {
  const ids = [...new Set(found.flatMap(({ a, b }) => [a, b]))];
  const people = await identitiesOf(db, ids);
  const faces = await db.face.findMany({
    where: { identityId: { in: ids } },
    orderBy: { id: 'asc' },
    take: FACES,
  });
  const rows = await rowsOf(
    db,
    gallery,
    faces.map(({ id }) => id),
  );
  const embeddings = new Map(rows.map(({ faceId, embedding }) => [faceId, embedding]));
  const facesOf = (id: string) =>
    faces.filter((face) => face.identityId === id && embeddings.has(face.id));
  return found.flatMap(({ a, b, distance }) => {
    const [personA, personB] = [people.get(a), people.get(b)];
    if (!personA || !personB) return [];
    const nearest = nearestFaces(facesOf(a), facesOf(b), embeddings);
    const duplicate = nearest !== null && isMatch(nearest.distance, SIMILAR);
    return [{ a: personA, b: personB, distance, faces: nearest, duplicate }];
  });
}

function nearestFaces(
  ofA: readonly Face[],
  ofB: readonly Face[],
  embeddings: ReadonlyMap<string, Float32Array>,
): ConfusablePair['faces'] {
  let best: ConfusablePair['faces'] = null;
  for (const a of ofA)
    for (const b of ofB) {
      const distance = cosineDistance(embeddings.get(a.id)!, embeddings.get(b.id)!);
      if (!best || distance < best.distance) best = { a, b, distance };
    }
  return best;
}
