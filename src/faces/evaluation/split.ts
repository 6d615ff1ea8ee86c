import { FacegraphError } from '../../errors.ts';
import { identityOf } from '../folder/known.ts';
import { seededRandom } from '../statistics/seededRandom.ts';

/** Somebody with pictures, as paths. */
export interface Person {
  readonly identity: string;
  readonly gallery: readonly string[];
  readonly probes: readonly string[];
}

/** Who is known in an open-set test and who is not. */
export interface OpenSet {
  readonly enrolled: readonly Person[];
  /** Everybody else; nothing of theirs is in the gallery. */
  readonly strangers: readonly Person[];
}

/**
 * Divides the pictures of a folder with a folder for each person, by chance and always in the same way
 * for the same seed. Half of the people are enrolled, as far as they have two pictures, with half of
 * their pictures (rounded down); the other pictures and all of the other people's are probes.
 * @throws FacegraphError `InvalidInput` when nobody could be enrolled, or nobody be a stranger.
 */
export function splitOpenSet(directory: string, paths: readonly string[], seed: number): OpenSet {
  const random = seededRandom(seed);
  const people = new Map<string, string[]>();
  for (const path of paths) {
    const identity = identityOf(directory, path);
    people.set(identity, [...(people.get(identity) ?? []), path]);
  }
  const all = shuffled([...people], random);
  const chosen = all.filter(([, own]) => own.length > 1).slice(0, Math.floor(all.length / 2));
  if (chosen.length === 0)
    throw new FacegraphError(
      'InvalidInput',
      `${directory} needs at least two people, one of them with two pictures: expected Name/*.jpg`,
    );
  const known = new Set(chosen.map(([identity]) => identity));
  return {
    enrolled: chosen.map(([identity, own]) => {
      const drawn = shuffled(own, random);
      const count = Math.floor(own.length / 2);
      return { identity, gallery: drawn.slice(0, count), probes: drawn.slice(count) };
    }),
    strangers: all
      .filter(([identity]) => !known.has(identity))
      .map(([identity, probes]) => ({ identity, gallery: [], probes })),
  };
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const drawn = [...values];
  for (let i = drawn.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [drawn[i], drawn[j]] = [drawn[j], drawn[i]];
  }
  return drawn;
}
