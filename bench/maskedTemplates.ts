/**
 * What `maskedTemplates` of a gallery gains and costs, through enrolment and `identify` as the server does
 * them: of people of LFW with two images and more in ../shared/data/lfw-dev some are enrolled by their first
 * image into a gallery without it and one with it; probes are their other images, and strangers all images
 * of the next people, each without and with a drawn mask. The threshold is fixed on the unmasked pairs of the
 * gallery without. `--cost` measures instead what an enrolment takes more, on this machine's adapter.
 *
 *   npm run bench -- masked-templates [--people N] [--strangers N] [--fmr RATE] [--seed N] [--cost]
 *
 * Faces are found through the cache of `eval masks`. Embeddings come from onnxruntime's CPU provider, as in
 * `masks`; with --cost from the engine.
 */
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Engine } from '../src/engine/engine.ts';
import type { Face } from '../src/engine/face.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { sha256 } from '../src/engine/weights/hash.ts';
import { FacegraphError } from '../src/errors.ts';
import { openDatabase } from '../src/faces/database/database.ts';
import { embedMasked } from '../src/faces/evaluation/maskedSource.ts';
import { openReader } from '../src/faces/evaluation/reader.ts';
import { enrolFaces } from '../src/faces/gallery/enrol.ts';
import { createGallery } from '../src/faces/gallery/galleries.ts';
import { createIndexes } from '../src/faces/gallery/indexes.ts';
import { maskFaces } from '../src/faces/masks/maskFaces.ts';
import { identifyPeople } from '../src/faces/search/identifyPeople.ts';
import type { Searcher } from '../src/faces/search/searcher.ts';
import { pointAtFmr, ratesAt, scoresOf } from '../src/faces/statistics/errorRates.ts';
import { LEVERS, openLevers } from './maskLevers.ts';

const ROOT = fileURLToPath(new URL('../../shared/data/lfw-dev/images/', import.meta.url));
const MODEL = 'facenet-vggface2';
const RANDOM = { kind: 'random', coverage: 'random', colour: 'random' } as const;
// The faces of LFW are about 80 pixels wide and wider.
const DETECT = { minFaceSize: 40 };
const COST_RUNS = 9;

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    people: { type: 'string', default: '100' },
    strangers: { type: 'string', default: '50' },
    fmr: { type: 'string', default: '0.001' },
    seed: { type: 'string', default: '1' },
    cost: { type: 'boolean', default: false },
  },
});

/** A picture whose one face is who it is called after; none where the detector lost it. */
interface Picture {
  readonly who: string;
  readonly image: Image;
  readonly face: Face | undefined;
}

/** What a probe came to: the distance of everybody enrolled; undefined where its face was lost. */
interface Answer {
  readonly who: string;
  readonly distances: ReadonlyMap<string, number> | undefined;
}

const directory = await mkdtemp(join(tmpdir(), 'facegraph-bench-'));
const database = await openDatabase(directory);
const real = await openEngine();
const reader = await openReader(real, MODEL, DETECT);
const levers = await openLevers();
const found = new Map<Image, Face[]>();
// Both galleries are asked for the same probes.
const embedded = new Map<Image, Promise<Float32Array>>();
const embed = levers.embed(LEVERS[0]);
const embedOnce = (image: Image, face: Face) => {
  const known = embedded.get(image) ?? embed(image, face);
  if (found.has(image)) embedded.set(image, known);
  return known;
};
const engine: Engine = {
  ...real,
  detect: async (image) => found.get(image) ?? real.detect(image),
  async embedder(model) {
    const embedder = await real.embedder(model);
    if (args.cost) return embedder;
    return {
      ...embedder,
      embed: (image, faces) => Promise.all(faces.map((face) => embedOnce(image, face))),
    };
  },
};
const indexes = createIndexes(database.client, engine);
const service: Searcher = {
  db: database.client,
  engine,
  indexes,
  galleries: null,
  key: { id: 'bench' },
  searchLog: {
    record: () => {},
    pending: 0,
    failures: 0,
    flush: async () => {},
    close: async () => {},
  },
};
const galleries = await Promise.all(
  [false, true].map(async (maskedTemplates) => {
    const name = maskedTemplates ? 'with' : 'without';
    return { name, ...(await createGallery(service, { name, model: MODEL, maskedTemplates })) };
  }),
);
await (args.cost ? measureCost() : measureRates());
await levers.close();
await real.close();
await closeDecoder();
await database.close();
await rm(directory, { recursive: true, force: true });

async function measureRates(): Promise<void> {
  const names = readdirSync(ROOT).sort();
  const several = names.filter((name) => images(name).length > 1);
  const enrolled: string[] = [];
  const refused: string[] = [];
  for (const name of several) {
    if (enrolled.length === Number(args.people)) break;
    const { plain } = await pictures(name, 0);
    try {
      for (const { id } of galleries) await enrol(id, plain);
      enrolled.push(name);
    } catch (error) {
      // Nobody is enrolled by a photograph of too little quality.
      if (!(error instanceof FacegraphError)) throw error;
      refused.push(name);
    }
  }
  const next = several.slice(enrolled.length + refused.length).slice(0, Number(args.strangers));
  process.stderr.write(`${enrolled.length} people enrolled, ${refused.length} refused\n`);
  const probes = await allPictures(enrolled, 1);
  const strangers = await allPictures(next, 0);
  const lost = (all: readonly Picture[]) => all.filter(({ face }) => !face).length;
  console.log(
    `${enrolled.length} people, ${probes.masked.length} probes, ${lost(probes.masked)} lost under masks; ${next.length} strangers, ${strangers.masked.length} probes, ${lost(strangers.masked)} lost`,
  );
  const without = await identifyAll(galleries[0].id, probes.plain, enrolled.length);
  const point = pointAtFmr(pairs(without, enrolled), Number(args.fmr));
  if (!point) throw new Error(`bench: too few people for an FMR of ${args.fmr}`);
  const { threshold } = point;
  console.log(`threshold ${threshold.toFixed(3)}`);
  const header = ['gallery', 'probes', 'rank 1', 'FNMR', 'FMR', 'strangers found'];
  for (const row of [header, header.map(() => '---')]) console.log(`| ${row.join(' | ')} |`);
  for (const { id, name } of galleries)
    for (const kind of ['plain', 'masked'] as const) {
      const own = await identifyAll(id, probes[kind], enrolled.length);
      const others = await identifyAll(id, strangers[kind], enrolled.length);
      const { fnmr, fmr } = ratesAt(pairs(own, enrolled), threshold);
      const first = own.filter(({ who, distances }) => nearest(distances)?.[0] === who).length;
      const hits = others.filter(
        ({ distances }) => (nearest(distances)?.[1] ?? 2) <= threshold,
      ).length;
      const rates = [first / own.length, fnmr, fmr, hits / others.length];
      const percent = rates.map((share) => `${(100 * share).toFixed(2)} %`);
      console.log(`| ${[name, kind, ...percent].join(' | ')} |`);
    }
}

/** CPU time of enrolments of the same photographs, in turns; the least is what no other program disturbed. */
async function measureCost(): Promise<void> {
  const names = readdirSync(ROOT)
    .sort()
    .slice(0, COST_RUNS + 1);
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const [run, name] of names.entries()) {
    const { plain } = await pictures(name, 0);
    for (const [g, { id }] of galleries.entries()) {
      const before = process.cpuUsage();
      await enrol(id, plain);
      const { user, system } = process.cpuUsage(before);
      // The first run compiles.
      if (run > 0) least[g] = Math.min(least[g], (user + system) / 1000);
    }
  }
  console.log(
    `CPU ms of an enrolment, detection left out, least of ${COST_RUNS}: without ${least[0].toFixed(0)}, with ${least[1].toFixed(0)}`,
  );
}

function images(name: string): string[] {
  return readdirSync(join(ROOT, name)).sort();
}

/** Every image of these people from a number on, as it is and with a mask drawn. */
async function allPictures(names: readonly string[], from: number) {
  const all: Record<'plain' | 'masked', Picture[]> = { plain: [], masked: [] };
  for (const who of names)
    for (let number = from; number < images(who).length; number++) {
      const { plain, masked } = await pictures(who, number);
      all.plain.push(plain);
      all.masked.push(masked);
    }
  return all;
}

/** One image; its mask is the one that `eval masks` draws, so that its cache is of use. */
async function pictures(who: string, number: number): Promise<Record<'plain' | 'masked', Picture>> {
  const bytes = await readFile(join(ROOT, who, images(who)[number]));
  const image = await decodeImage(bytes);
  const source = { key: sha256(bytes), image: async () => image };
  const { plain, masked, worn } = await embedMasked(reader, source, {
    wish: RANDOM,
    seed: Number(args.seed),
  });
  const picture = maskFaces(image, worn.faces, worn.masks);
  return {
    plain: { who, image, face: plain?.face },
    masked: { who, image: picture, face: masked?.face },
  };
}

/** As an upload of which the face is known. */
function upload({ image, face }: Picture) {
  found.set(image, face ? [face] : []);
  const bytes = new Uint8Array(0);
  return { image, bytes, hash: sha256(image.data) };
}

async function enrol(id: string, picture: Picture): Promise<void> {
  const identity = { gallery: { id }, new: { name: picture.who } };
  await enrolFaces(service, upload(picture), [{ identity }], { allowSimilar: true });
}

async function identifyAll(id: string, probes: readonly Picture[], top: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const probe of probes) {
    const { who, face } = probe;
    if (!face) {
      answers.push({ who, distances: undefined });
      continue;
    }
    const options = { top, rankBy: 'face', threshold: 2 } as const;
    const { faces } = await identifyPeople(service, [{ id }], upload(probe), options);
    const near = faces[0].candidates.map(({ identity, distance }) => [identity.name, distance]);
    answers.push({ who, distances: new Map(near as [string, number][]) });
  }
  return answers;
}

function nearest(distances: Answer['distances']): [string, number] | undefined {
  return [...(distances ?? [])].sort(([, a], [, b]) => a - b)[0];
}

/** Every probe with everybody; a face that was lost is infinitely far from all. */
function pairs(answers: readonly Answer[], people: readonly string[]) {
  return scoresOf(
    answers.flatMap(({ who, distances }) =>
      people.map((name) => ({
        genuine: name === who,
        distance: distances?.get(name) ?? Number.POSITIVE_INFINITY,
      })),
    ),
  );
}
