/**
 * Exact search on the GPU as galleries grow: one probe and 32 at once, f32 and f16, beside a loop on
 * the CPU and pgvector in PGlite; the bytes of a search over the time it takes are compared with what
 * the adapter copies. Also how fast faces are enrolled while others search. Prints a table, draws it as
 * bench/results/<date>-<adapter>-search.svg and saves it beside that as JSON.
 *
 *   npm run bench -- search-scale [--largest N] [--hnsw N]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { createSearchIndex } from '../src/engine/searchIndex.ts';
import { linePlot } from '../src/faces/evaluation/charts.ts';
import { seededRandom } from '../src/faces/statistics/seededRandom.ts';
import { timeSteps } from '../src/gpu/clock.ts';
import { openGpu } from '../src/gpu/device.ts';
import { closeScope, openScope } from '../src/gpu/plan.ts';
import { copyCeiling } from '../src/kernels/ceilings.ts';
import type { RowFormat } from '../src/kernels/search.ts';
import { type Growth, growthTable, type SearchTime } from './growth.ts';
import { summary } from './measure.ts';
import { resultPath, saveResults } from './resultPath.ts';

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    largest: { type: 'string', default: '1000000' },
    hnsw: { type: 'string', default: '10000' },
  },
});

const DIMENSIONS = 512;
const TOP = 10;
const TOGETHER = 32;
const ROUNDS = 7;
const COUNTS = [1000, 10_000, 100_000, 1_000_000].filter((n) => n <= Number(args.largest));
const PEER_COUNT = 100_000;

const gpu = await openGpu();
const say = (line: string) => process.stderr.write(`${line}\n`);
const random = seededRandom(1);
const probes = (dimensions: number) => Array.from({ length: TOGETHER }, () => unit(dimensions));

try {
  await bench();
} finally {
  gpu.device.destroy();
}

async function bench() {
  const bandwidth = await copyBandwidth();
  const growth: Growth[] = [];
  for (const format of ['f32', 'f16'] as const) {
    for (const count of COUNTS) growth.push(await grow(format, count, DIMENSIONS));
    growth.push(await grow(format, Math.min(PEER_COUNT, COUNTS.at(-1)!), 2048));
  }
  for (const count of COUNTS.filter((n) => n <= PEER_COUNT)) growth.push(await loop(count));
  for (const count of COUNTS.filter((n) => n <= PEER_COUNT))
    growth.push(...(await pgvector(count)));
  console.log(`${gpu.adapter.description}; top ${TOP}, medians of ${ROUNDS} (quartiles)`);
  console.log(`copied: ${(bandwidth / 1e9).toFixed(1)} GB/s, read and written together\n`);
  console.log(growthTable(growth, bandwidth));
  const enrolling = await enrolWhileSearching();
  console.log(
    `\n${enrolling.faces} faces entered between ${enrolling.searches} searches of ${enrolling.count}: ${Math.round(enrolling.facesPerSecond)} faces and ${enrolling.searchesPerSecond.toFixed(1)} searches a second`,
  );
  await saveResults(gpu.adapter, '-search.json', { bandwidth, rounds: ROUNDS, growth, enrolling });
  const path = await resultPath(gpu.adapter, '-search.svg');
  await writeFile(path, draw(growth));
  say(`drawn in ${path}`);
}

/** Bytes a second that a kernel copies, reading and writing counted. */
async function copyBandwidth(): Promise<number> {
  const scope = openScope(gpu);
  try {
    const copy = await copyCeiling(scope);
    const times: number[] = [];
    for (let i = 0; i <= ROUNDS; i++) {
      const [{ begin, end }] = await timeSteps(gpu, [copy]);
      times.push(end - begin);
    }
    return ((copy.cost.read + copy.cost.written) / Math.min(...times)) * 1000;
  } finally {
    closeScope(scope);
  }
}

async function grow(format: RowFormat, count: number, dimensions: number): Promise<Growth> {
  say(`${format} ${count} × ${dimensions} …`);
  const index = filled(format, count, dimensions);
  const asked = probes(dimensions);
  const search = (some: readonly Float32Array[]) => () => index.search(some, TOP);
  const growth = {
    engine: `GPU ${format}`,
    count,
    dimensions,
    bytes: count * dimensions * (format === 'f16' ? 2 : 4),
    one: await timed(search(asked.slice(0, 1))),
    together: await timed(search(asked)),
  };
  index.destroy();
  return growth;
}

/** The same by one loop over an array, as it would be written without a library. */
async function loop(count: number): Promise<Growth> {
  say(`loop ${count} …`);
  const rows = new Float32Array(count * DIMENSIONS);
  for (let i = 0; i < count; i++) rows.set(unit(DIMENSIONS), i * DIMENSIONS);
  const similarities = new Float32Array(count);
  const search = (probe: Float32Array) => {
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let d = 0, at = i * DIMENSIONS; d < DIMENSIONS; d++) sum += rows[at + d] * probe[d];
      similarities[i] = sum;
    }
    return similarities.toSorted().slice(-TOP);
  };
  const asked = probes(DIMENSIONS);
  const one = await timed(async () => search(asked[0]));
  const together = await timed(async () => asked.map(search));
  return {
    engine: 'CPU loop',
    count,
    dimensions: DIMENSIONS,
    bytes: rows.byteLength,
    one,
    together,
  };
}

/**
 * pgvector's scan of all rows and its HNSW index, over rows of `halfvec`. PGlite takes minutes to build
 * the index over more than `--hnsw` rows.
 */
async function pgvector(count: number): Promise<Growth[]> {
  say(`pgvector ${count} …`);
  const db = await PGlite.create({ extensions: { vector } });
  try {
    await db.exec(`CREATE EXTENSION vector; CREATE TABLE face (id int, v halfvec(${DIMENSIONS}))`);
    const text = (v: Float32Array) => `[${v.join()}]`;
    for (let i = 0; i < count; i += 100) {
      const page = Array.from({ length: 100 }, (_, j) => `(${i + j}, '${text(unit(DIMENSIONS))}')`);
      await db.exec(`INSERT INTO face VALUES ${page.join()}`);
    }
    const asked = probes(DIMENSIONS).map(text);
    const search = (probe: string) =>
      db.query<{ id: number }>(`SELECT id FROM face ORDER BY v <=> $1::halfvec LIMIT ${TOP}`, [
        probe,
      ]);
    const all = async () => {
      for (const probe of asked) await search(probe);
    };
    const measure = async (engine: string): Promise<Growth> => ({
      engine,
      count,
      dimensions: DIMENSIONS,
      bytes: count * DIMENSIONS * 2,
      one: await timed(() => search(asked[0])),
      together: await timed(all),
    });
    const exact = await measure('pgvector');
    if (count > Number(args.hnsw)) return [exact];
    const truth = await Promise.all(asked.map(search));
    const from = performance.now();
    await db.exec('CREATE INDEX ON face USING hnsw (v halfvec_cosine_ops)');
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    const found = await Promise.all(asked.map(search));
    const right = found.flatMap(({ rows }, i) =>
      rows.filter(({ id }) => truth[i].rows.some((row) => row.id === id)),
    );
    const recall = right.length / (TOP * asked.length);
    console.log(`HNSW over ${count}: built in ${seconds} s, recall ${recall.toFixed(2)}`);
    return [exact, await measure('its HNSW')];
  } finally {
    await db.close();
  }
}

/** Faces that come into an index while it is searched without pause. */
async function enrolWhileSearching() {
  const count = Math.min(PEER_COUNT, COUNTS.at(-1)!);
  const index = filled('f16', count, DIMENSIONS);
  const [probe] = probes(DIMENSIONS);
  await index.search([probe], TOP);
  const faces = Array.from({ length: 1000 }, () => unit(DIMENSIONS));
  let searches = 0;
  const from = performance.now();
  for (const [i, face] of faces.entries()) {
    index.add(`new ${i}`, face);
    if (i % 20 !== 19) continue;
    await index.search([probe], TOP);
    searches++;
  }
  const seconds = (performance.now() - from) / 1000;
  index.destroy();
  return {
    count,
    faces: faces.length,
    searches,
    facesPerSecond: faces.length / seconds,
    searchesPerSecond: searches / seconds,
  };
}

function filled(format: RowFormat, count: number, dimensions: number) {
  const index = createSearchIndex(dimensions, (task) => task(gpu), format);
  for (let i = 0; i < count; i++) index.add(String(i), unit(dimensions));
  return index;
}

async function timed(run: () => Promise<unknown>): Promise<SearchTime> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const from = performance.now();
    await run();
    times.push(performance.now() - from);
  }
  const { median, quartiles } = summary(times);
  return { median, quartiles };
}

function unit(dimensions: number): Float32Array {
  const row = new Float32Array(dimensions);
  let square = 0;
  for (let d = 0; d < dimensions; d++) {
    row[d] = random() - 0.5;
    square += row[d] * row[d];
  }
  const norm = Math.sqrt(square);
  for (let d = 0; d < dimensions; d++) row[d] /= norm;
  return row;
}

function draw(growth: readonly Growth[]): string {
  const engines = [...new Set(growth.map(({ engine }) => engine))];
  const curve = (name: string, at: 'one' | 'together') => ({
    name,
    points: growth
      .filter(({ engine, dimensions }) => engine === name && dimensions === DIMENSIONS)
      .map((each) => [each.count / 1000, each[at].median] as const),
  });
  const plot = linePlot({
    x: {
      label: `thousands of faces in the gallery (× ${DIMENSIONS})`,
      min: 1,
      max: COUNTS.at(-1)! / 1000,
      log: true,
    },
    y: { label: 'one probe (ms)', min: 0.1, max: 1000, log: true },
    curves: engines.map((engine) => curve(engine, 'one')),
  });
  return plot.text.slice(plot.text.indexOf('<svg'), plot.text.lastIndexOf('</svg>') + 6);
}
