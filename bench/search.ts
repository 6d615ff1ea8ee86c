/**
 * Identification over a gallery of synthetic embeddings: how long the index takes to load from the
 * database and to answer, and whether it answers what a sort of all distances does.
 *
 * Beside it the same by pgvector in PGlite, over as many of the embeddings as are entered in a minute.
 * Saved as bench/results/<date>-<adapter>-search-gallery.json.
 *
 *   npm run bench -- search [--faces N] [--probes N] [--vectors N]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openEngine } from '../src/engine/openEngine.ts';
import { openDatabase } from '../src/faces/database/database.ts';
import { createIndexes } from '../src/faces/gallery/indexes.ts';
import { toBytes } from '../src/faces/gallery/vector.ts';
import { summary } from './measure.ts';
import { saveResults } from './resultPath.ts';

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    faces: { type: 'string', default: '100000' },
    probes: { type: 'string', default: '200' },
    vectors: { type: 'string', default: '5000' },
  },
});

const MODEL = 'facenet-vggface2';
const DIMENSIONS = 512;
const FACES_PER_PERSON = 5;
const PAGE = 2000;
const TOP = 10;
const CHECKED = 20;

const count = Number(args.faces);
// Rows of large galleries are f16.
const ROUNDING = count < 100_000 ? 1e-5 : 1e-3;
const say = (line: string) => process.stderr.write(`${line}\n`);
const since = (from: number) => (performance.now() - from) / 1000;
const told = (seconds: number) => `${seconds.toFixed(1)} s`;

const directory = await mkdtemp(join(tmpdir(), 'facegraph-search-'));
const database = await openDatabase(directory);
const engine = await openEngine();
try {
  await bench();
} finally {
  await engine.close();
  await database.close();
  await rm(directory, { recursive: true });
}

async function bench() {
  const rows = people(count);
  let from = performance.now();
  const galleryId = await store('exact', rows);
  say(`${count} faces stored in ${told(since(from))}`);

  const indexes = createIndexes(database.client, engine);
  from = performance.now();
  await indexes.followAll();
  const options = { top: TOP, threshold: 2, rankBy: 'face' } as const;
  await indexes.identify(galleryId, [rows[0]], options);
  const loaded = since(from);
  const resident = process.memoryUsage().rss / 1e6;

  const probes = Array.from({ length: Number(args.probes) }, (_, i) => near(rows[i * 7], i));
  const times: number[] = [];
  let wrong = 0;
  for (const [i, probe] of probes.entries()) {
    from = performance.now();
    const [{ candidates }] = await indexes.identify(galleryId, [probe], options);
    times.push(performance.now() - from);
    if (i < CHECKED && !agrees(candidates, probe, rows)) wrong++;
  }
  from = performance.now();
  await indexes.identify(galleryId, probes.slice(0, 32), options);
  const together = performance.now() - from;

  const { median, p95 } = summary(times);
  console.log(
    [
      `${engine.adapter.description}; ${count} faces of ${Math.ceil(count / FACES_PER_PERSON)} people × ${DIMENSIONS}, top ${TOP}`,
      `loaded from PGlite onto the GPU in ${told(loaded)}, resident set ${resident.toFixed(0)} MB`,
      `one probe: p50 ${median.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms (n ${times.length}); 32 probes at once ${together.toFixed(1)} ms`,
      `${CHECKED - wrong} of ${CHECKED} answers are those of a sort of all distances`,
    ].join('\n'),
  );
  if (wrong > 0) process.exitCode = 1;
  indexes.destroy();
  const vectors = await benchVectors(rows.slice(0, Number(args.vectors)), probes);
  await saveResults(engine.adapter, '-search-gallery.json', {
    exact: { faces: count, loaded, resident, median, p95, n: times.length, together, wrong },
    vectors,
  });
}

async function benchVectors(rows: readonly Float32Array[], probes: readonly Float32Array[]) {
  const galleryId = await store('vectors', rows);
  const options = { top: TOP, threshold: 2, rankBy: 'face' } as const;
  const exact = createIndexes(database.client, engine);
  const indexes = createIndexes(database.client, engine, { exactLimit: 0 });
  await Promise.all([exact.follow(galleryId), indexes.follow(galleryId)]);
  let from = performance.now();
  await indexes.promote();
  const entered = since(from);
  const times: number[] = [];
  let [right, asked] = [0, 0];
  for (const probe of probes) {
    from = performance.now();
    const [{ candidates }] = await indexes.identify(galleryId, [probe], options);
    times.push(performance.now() - from);
    const [truth] = await exact.identify(galleryId, [probe], options);
    const last = truth.candidates[truth.candidates.length - 1].distance + 1e-3;
    right += candidates.filter(({ distance }) => distance <= last).length;
    asked += truth.candidates.length;
  }
  const { median, p95 } = summary(times);
  const recall = right / asked;
  console.log(
    `pgvector in PGlite, ${rows.length} of them entered in ${told(entered)}: p50 ${median.toFixed(1)} ms, ` +
      `p95 ${p95.toFixed(1)} ms (n ${times.length}), recall ${recall.toFixed(4)}`,
  );
  exact.destroy();
  indexes.destroy();
  return { faces: rows.length, entered, median, p95, n: times.length, recall };
}

/** Whether the people come in the order of their nearest faces, up to rounding. */
function agrees(
  candidates: readonly { identity: string; distance: number }[],
  probe: Float32Array,
  rows: readonly Float32Array[],
): boolean {
  const best = new Map<string, number>();
  for (const [i, row] of rows.entries()) {
    let dot = 0;
    for (let d = 0; d < DIMENSIONS; d++) dot += row[d] * probe[d];
    const person = `exact ${identity(i)}`;
    best.set(person, Math.min(best.get(person) ?? 2, 1 - dot));
  }
  const expected = [...best.values()].sort((a, b) => a - b).slice(0, TOP);
  return expected.every(
    (distance, i) =>
      Math.abs(candidates[i].distance - distance) < ROUNDING &&
      Math.abs(best.get(candidates[i].identity)! - distance) < ROUNDING,
  );
}

async function store(name: string, rows: readonly Float32Array[]): Promise<string> {
  const db = database.client;
  const { id } = await db.gallery.create({ data: { name, model: MODEL } });
  for (let from = 0; from < rows.length; from += PAGE) {
    const page = rows.slice(from, from + PAGE).map((row, i) => ({ row, at: from + i }));
    const owners = [...new Set(page.map(({ at }) => identity(at)))];
    await db.identity.createMany({
      data: owners.map((owner) => ({ id: `${name} ${owner}`, galleryId: id, name: owner })),
      skipDuplicates: true,
    });
    await db.face.createMany({
      data: page.map(({ at }) => ({
        id: face(name, at),
        galleryId: id,
        identityId: `${name} ${identity(at)}`,
        box: [at, 0, 1, 1],
        landmarks: [],
        confidence: 1,
        imageHash: 'synthetic',
      })),
    });
    await db.embedding.createMany({
      data: page.map(({ at, row }) => ({
        faceId: face(name, at),
        model: MODEL,
        vector: toBytes(row),
      })),
    });
    if (from % 20_000 === 0) say(`${from} of ${rows.length} faces stored`);
  }
  return id;
}

function face(name: string, i: number): string {
  return `${name} ${String(i).padStart(9, '0')}`;
}

function identity(i: number): string {
  return `p${Math.floor(i / FACES_PER_PERSON)}`;
}

/** Faces of people: unit vectors around a centre of their own, as a network makes them. */
function people(n: number): Float32Array[] {
  const rows: Float32Array[] = [];
  let centre = unit(0, 1);
  for (let i = 0; i < n; i++) {
    if (i % FACES_PER_PERSON === 0) centre = unit(i, 1);
    rows.push(near(centre, i + 1));
  }
  return rows;
}

function near(centre: Float32Array, seed: number): Float32Array {
  const noise = unit(seed + 1e9, 0.6);
  return normalised(centre.map((value, d) => value + noise[d]));
}

function unit(seed: number, length: number): Float32Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  const values = new Float32Array(DIMENSIONS);
  for (let d = 0; d < DIMENSIONS; d++) {
    // The sum of four uniform numbers is normal enough for a direction.
    let sum = -2;
    for (let k = 0; k < 4; k++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      sum += (state >>> 0) / 2 ** 32;
    }
    values[d] = sum;
  }
  return normalised(values).map((value) => value * length);
}

function normalised(values: Float32Array): Float32Array {
  const norm = Math.hypot(...values);
  return values.map((value) => value / norm);
}
