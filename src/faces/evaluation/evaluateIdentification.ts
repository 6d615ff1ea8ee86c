import type { Engine } from '../../engine/engine.ts';
import { type About, aboutReader, type Collected, collect, type Speed } from './collect.ts';
import {
  type IdentificationFigures,
  identificationFigures,
  type Searched,
  searchOpenSet,
} from './identification.ts';
import { centralFace } from './mainFace.ts';
import type { Embedded, Reader } from './reader.ts';
import type { Progress } from './readFiles.ts';
import { type OpenSet, type Person, splitOpenSet } from './split.ts';

/** The result of `eval identification`, as it is printed with --json. */
export interface IdentificationResult {
  readonly evaluation: 'identification';
  readonly about: About;
  readonly dataset: {
    readonly images: number;
    readonly seed: number;
    readonly enrolledPeople: number;
    readonly galleryImages: number;
    /** Pictures of enrolled people that are searched with. */
    readonly enrolledProbes: number;
    readonly strangers: number;
    readonly strangerProbes: number;
  };
  /** Pictures without a usable face: a person without any is not enrolled, a probe finds nobody. */
  readonly failures: {
    readonly withoutFace: readonly string[];
    readonly unreadable: readonly { readonly image: string; readonly error: string }[];
    readonly notEnrolled: readonly string[];
  };
  readonly speed: Speed;
  readonly figures: IdentificationFigures;
}

/** A result and what its report shows besides. */
export interface Identified {
  readonly result: IdentificationResult;
  readonly searches: readonly Searched[];
  readonly found: Collected<Embedded>['found'];
}

/**
 * Measures open-set identification on a folder with a folder for each person, of each picture by its
 * central face.
 * @throws FacegraphError `InvalidInput` as `splitOpenSet`; those of the engine.
 */
export async function evaluateIdentification(
  engine: Engine,
  reader: Reader,
  { directory, paths, seed }: { directory: string; paths: readonly string[]; seed: number },
  progress?: Progress,
): Promise<Identified> {
  const open = splitOpenSet(directory, paths, seed);
  const { found, unreadable, speed } = await collect(paths, reader.embed, progress);
  const faceOf = (path: string) => {
    const seen = found.get(path);
    return seen && centralFace(seen);
  };
  const searches = searchOpenSet(open, (path) => faceOf(path)?.embedding);
  const result: IdentificationResult = {
    evaluation: 'identification',
    about: aboutReader(engine, reader),
    dataset: { images: paths.length, seed, ...countsOf(open) },
    failures: {
      withoutFace: [...found].filter(([, { faces }]) => faces.length === 0).map(([path]) => path),
      unreadable: unreadable.map(({ path, error }) => ({ image: path, error: error.message })),
      notEnrolled: open.enrolled
        .filter(({ gallery }) => !gallery.some(faceOf))
        .map(({ identity }) => identity),
    },
    speed,
    figures: identificationFigures(searches),
  };
  return { result, searches, found };
}

function countsOf({ enrolled, strangers }: OpenSet) {
  const count = (people: readonly Person[], of: 'gallery' | 'probes') =>
    people.reduce((sum, person) => sum + person[of].length, 0);
  return {
    enrolledPeople: enrolled.length,
    galleryImages: count(enrolled, 'gallery'),
    enrolledProbes: count(enrolled, 'probes'),
    strangers: strangers.length,
    strangerProbes: count(strangers, 'probes'),
  };
}
