import { basename, join } from 'node:path';
import type { Engine } from '../../engine/engine.ts';
import { hasWeights, pullCommand } from '../../engine/weights/load.ts';
import { FacegraphError } from '../../errors.ts';
import { cosineDistance } from '../distance.ts';
import { identityOf } from '../folder/known.ts';
import { readPhotograph } from '../folder/photographs.ts';
import type { EmbeddedFace } from '../search/embedFaces.ts';
import { aboutReader, collect } from './collect.ts';
import type { Embedded, Reader } from './reader.ts';
import type { Progress } from './readFiles.ts';
import { SEED_CASES, SEED_CLASSIFIER, SEED_NAMED, SEED_THRESHOLDS } from './seedCases.ts';
import { published } from './seedPublished.ts';
import type { SeedNaming, SeedResult, SeedVerification } from './seedResult.ts';

/** A face on a probe and a known face that matches at the looser threshold. */
export interface SeedMatch {
  readonly verification: SeedVerification;
  readonly probe: { readonly path: string; readonly face: EmbeddedFace };
  readonly known: { readonly path: string; readonly identity: string; readonly face: EmbeddedFace };
  readonly distance: number;
}

/** A result and what its report shows besides. */
export interface SeedMeasured {
  readonly result: SeedResult;
  readonly matches: readonly SeedMatch[];
}

type Known = SeedMatch['known'];

/**
 * The seed article's experiments on its own photographs: detection on all of them, names by the
 * classifier, and the verifications with and without masks.
 * @param directory with `database` (known faces) and `image` (probes).
 * @throws FacegraphError `InvalidInput` when a photograph of the article is missing; those of the engine.
 */
export async function evaluateSeed(
  engine: Engine,
  reader: Reader,
  directory: string,
  paths: readonly string[],
  progress?: Progress,
): Promise<SeedMeasured> {
  const { found } = await collect(paths, reader.embed, progress);
  const database = join(directory, 'database');
  const known = [...found]
    .filter(([path]) => path.startsWith(database))
    .flatMap(([path, { faces }]) =>
      faces.map((face): Known => ({ path, identity: identityOf(database, path), face })),
    );
  const probes = SEED_CASES.flatMap(({ name, people, plain, masked }) =>
    [plain, masked].flatMap((file) => {
      if (file === null) return [];
      const path = join(directory, 'image', file);
      const faces = leftToRight(seen(found, path), people.length);
      return people.map((person, i) => {
        const face = faces[i];
        const verification = verified(name, person, file === masked, face, known);
        return { verification, path, face };
      });
    }),
  );
  const verification = probes.map((probe) => probe.verification);
  const identification = await named(engine, found, join(directory, 'image'));
  return {
    result: {
      evaluation: 'seed',
      about: aboutReader(engine, reader),
      detection: [...found].map(([path, { faces }]) => ({
        image: basename(path),
        faces: faces.length,
        confidence: faces.at(-1)?.face.confidence ?? null,
      })),
      verification,
      identification,
      published: published(verification, identification),
    },
    matches: probes.flatMap(({ verification: of, path, face }) =>
      face ? matchesOf(of, { path, face }, known) : [],
    ),
  };
}

function seen(found: ReadonlyMap<string, Embedded>, path: string): Embedded {
  const answer = found.get(path);
  if (!answer) throw new FacegraphError('InvalidInput', `${path} of the article is missing`);
  return answer;
}

/** The largest faces, as many as there are people, in the order in which they stand. */
function leftToRight({ faces }: Embedded, count: number): EmbeddedFace[] {
  const area = ({ face: { box } }: EmbeddedFace) => box[2] * box[3];
  const largest = [...faces].sort((a, b) => area(b) - area(a)).slice(0, count);
  return largest.sort((a, b) => a.face.box[0] - b.face.box[0]);
}

function verified(
  name: string,
  person: string,
  masked: boolean,
  probe: EmbeddedFace | undefined,
  known: readonly Known[],
): SeedVerification {
  const distances = known.map(({ identity, face }) => ({
    identity,
    distance: probe ? cosineDistance(probe.embedding, face.embedding) : Infinity,
  }));
  distances.sort((a, b) => a.distance - b.distance);
  const own = distances.filter(({ identity }) => identity === person);
  const others = distances.filter(({ identity }) => identity !== person);
  if (own.length === 0 || others.length === 0)
    throw new FacegraphError(
      'InvalidInput',
      `the database shows no face of ${person} or of others`,
    );
  return {
    case: name,
    person,
    masked,
    distances: probe
      ? { own: own[0].distance, other: others[0].distance, otherPerson: others[0].identity }
      : null,
    matches: SEED_THRESHOLDS.map((threshold) => ({
      threshold,
      own: own.filter(({ distance }) => distance <= threshold).length,
      of: own.length,
      others: others.filter(({ distance }) => distance <= threshold).length,
    })),
  };
}

function matchesOf(
  verification: SeedVerification,
  probe: SeedMatch['probe'],
  known: readonly Known[],
): SeedMatch[] {
  return known
    .map((one) => ({
      verification,
      probe,
      known: one,
      distance: cosineDistance(probe.face.embedding, one.face.embedding),
    }))
    .filter(({ distance }) => distance <= Math.max(...SEED_THRESHOLDS))
    .sort((a, b) => a.distance - b.distance);
}

async function named(
  engine: Engine,
  found: ReadonlyMap<string, Embedded>,
  directory: string,
): Promise<SeedResult['identification']> {
  if (!hasWeights(SEED_CLASSIFIER))
    return {
      unavailable: `${SEED_CLASSIFIER} is not here; ${pullCommand(SEED_CLASSIFIER)} gets it`,
    };
  const classifier = await engine.embedder(SEED_CLASSIFIER);
  const answers: SeedNaming[] = [];
  for (const { name, plain, masked } of SEED_NAMED)
    for (const file of [plain, masked]) {
      const path = join(directory, file);
      const [face] = leftToRight(seen(found, path), 1);
      const names = face
        ? (await classifier.classify(await readPhotograph(path), [face.face], 5))[0]
        : null;
      answers.push({ name, masked: file === masked, names });
    }
  return answers;
}
