import { seededRandom, shuffled } from '../statistics/seededRandom.ts';

/** What decides which faces may be compared with which. */
export interface Owned {
  readonly identity: string;
  /** Of the photograph: two faces of one are never compared. */
  readonly imageHash: string;
}

/** Faces that are to be compared: each of a genuine group with its others, and impostors among each other. */
export interface Sample<F extends Owned> {
  /** Several faces of one person each. */
  readonly genuine: readonly (readonly F[])[];
  readonly impostor: readonly F[];
}

/** All their pairs are 3.1 million: just enough for a false match rate of one in a million. */
const IMPOSTOR_FACES = 2500;
const GENUINE_IDENTITIES = 1000;
/** 28 pairs, so that a person with a thousand photographs does not count for a thousand people. */
const FACES_OF_ONE = 8;

/**
 * Chooses whom to compare, the same faces for the same seed and order. Impostors are taken in turn
 * from everybody, one face each before anybody's second.
 * @param faces whose embeddings are normalised by one model.
 */
export function chooseFaces<F extends Owned>(faces: Iterable<F>, seed: number): Sample<F> {
  const groups = shuffledPeople(faces, seed);
  const several = groups.filter(([first, ...others]) =>
    others.some(({ imageHash }) => imageHash !== first.imageHash),
  );
  return {
    genuine: several.slice(0, GENUINE_IDENTITIES).map((group) => group.slice(0, FACES_OF_ONE)),
    impostor: inTurn(groups, IMPOSTOR_FACES),
  };
}

/** The faces of each person, people and faces in random order: the same for the same seed and order. */
export function shuffledPeople<F extends Owned>(faces: Iterable<F>, seed: number): F[][] {
  const random = seededRandom(seed);
  const people = new Map<string, F[]>();
  for (const face of faces) {
    const theirs = people.get(face.identity);
    if (theirs) theirs.push(face);
    else people.set(face.identity, [face]);
  }
  return shuffled([...people.values()], random).map((group) => shuffled(group, random));
}

function inTurn<F>(groups: readonly (readonly F[])[], limit: number): F[] {
  const taken: F[] = [];
  for (let turn = 0, left = groups; left.length > 0 && taken.length < limit; turn++) {
    left = left.filter((group) => group.length > turn);
    for (const group of left.slice(0, limit - taken.length)) taken.push(group[turn]);
  }
  return taken;
}
