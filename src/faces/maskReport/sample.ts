import { STORED } from '../calibration/gallery.ts';
import { type Owned, shuffledPeople } from '../calibration/sample.ts';
import type { Reader } from '../gallery/rows.ts';

/** People with several photographs, of whom masked photographs are compared with an enrolled one. */
const PEOPLE = 200;
/** Photographs of each: one is enrolled, the others are probes. */
const FACES_OF_ONE = 4;
/** People with a single photograph, with whom the probes of others are compared. */
const STRANGERS = 200;

/** What a sample can be made of, when nobody is left out. */
export interface Supply {
  readonly people: number;
  /** Photographs that can be compared with another of their person. */
  readonly probes: number;
}

/**
 * Chooses faces to draw masks on, 1,000 at most, the same for the same seed and order. Those of a person
 * follow one another, each of another photograph.
 */
export function chooseMasked<F extends Owned>(faces: Iterable<F>, seed: number): F[] {
  const people = shuffledPeople(faces, seed).map(oneOfEach);
  const several = people.filter(({ length }) => length > 1).slice(0, PEOPLE);
  const single = people.filter(({ length }) => length === 1).slice(0, STRANGERS);
  return [...several.map((group) => group.slice(0, FACES_OF_ONE)), ...single].flat();
}

/** What a gallery has in stored photographs of its people. */
export async function supplyOf(db: Reader, galleryId: string): Promise<Supply> {
  const [supply] = await db.$queryRaw<Supply[]>`
    SELECT count(*)::int AS "people",
      coalesce(sum(least("photographs", ${FACES_OF_ONE}::int) - 1), 0)::int AS "probes"
    FROM (
      SELECT count(DISTINCT "imageHash") AS "photographs" FROM "Face"
      WHERE "galleryId" = ${galleryId} AND "identityId" IS NOT NULL AND ${STORED}
      GROUP BY "identityId") person`;
  return supply;
}

function oneOfEach<F extends Owned>(group: readonly F[]): F[] {
  return [...new Map(group.map((face) => [face.imageHash, face])).values()];
}
