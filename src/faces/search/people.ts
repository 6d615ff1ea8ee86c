import type {
  Calibration,
  Identity,
  PrismaClient,
  Face as StoredFace,
} from '../../generated/prisma/client.ts';
import type { Decision, FmrEstimate } from '../calibration/decide.ts';
import type { Judge, Rule } from '../calibration/rule.ts';
import type { KnownRow } from '../gallery/indexes.ts';
import type { Candidate } from '../identify.ts';

/** Somebody of a gallery who is near a probe face. */
export interface Person {
  readonly identity: Identity;
  /** The person's enrolled face that is nearest; null where templates were ranked. */
  readonly face: StoredFace | null;
  /** Cosine distance. */
  readonly distance: number;
  readonly decision: Decision;
  /** How often strangers are that near; null where nothing is known of such distances. */
  readonly fmr: FmrEstimate | null;
  /** How much farther the nearest other person is, negative where nearer; null without another. */
  readonly margin: number | null;
  readonly rule: Rule;
  /** Of the person's gallery: what `fmr` was read from; null: the model card. */
  readonly calibration: Calibration | null;
}

/** Somebody who is near, before that is judged. */
type Near = Pick<Person, 'identity' | 'face' | 'distance'>;

/**
 * What the database holds of candidates, and what it means that they are so near. Two queries for all of
 * them; somebody deleted between search and query is passed over.
 * @returns the people of some of the candidates, nearest first, all of one probe.
 */
export async function loadPeople(
  db: PrismaClient,
  all: readonly Candidate<KnownRow>[],
  judge: Judge,
): Promise<(some: readonly Candidate<KnownRow>[]) => Person[]> {
  const [identities, faces] = await Promise.all([
    db.identity.findMany({ where: { id: { in: unique(all.map(({ identity }) => identity)) } } }),
    db.face.findMany({ where: { id: { in: unique(all.map(({ face }) => face.id)) } } }),
  ]);
  const identityOf = new Map(identities.map((identity) => [identity.id, identity]));
  const faceOf = new Map(faces.map((face) => [face.id, face]));
  return (some) => {
    const near = some.flatMap(({ identity: id, face, distance }): Near[] => {
      const identity = identityOf.get(id);
      return identity ? [{ identity, face: faceOf.get(face.id) ?? null, distance }] : [];
    });
    return judged(near, judge);
  };
}

function judged(near: readonly Near[], judge: Judge): Person[] {
  return near.map((person, i) => {
    const { distance, identity } = person;
    const other = near[i === 0 ? 1 : 0];
    return {
      ...person,
      decision: judge.decide(distance),
      fmr: judge.fmrOf(distance, identity.galleryId),
      margin: other ? other.distance - distance : null,
      rule: judge.rule,
      calibration: judge.calibrationOf(identity.galleryId),
    };
  });
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
