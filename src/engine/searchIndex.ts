import { FacegraphError } from '../errors.ts';
import type { Gpu } from '../gpu/device.ts';
import { closeScope, encode, openScope, storage, storageBuffer } from '../gpu/plan.ts';
import { submitAndRead } from '../gpu/readback.ts';
import { type RowFormat, SEARCH_BLOCK, search } from '../kernels/search.ts';
import type { SearchIndex } from './engine.ts';
import type { Batching, GpuQueue } from './gpuQueue.ts';
import { toHalf } from './half.ts';

/** Runs a task on the device that is open; nothing else runs on it meanwhile. */
export type OnGpu = <T>(task: (gpu: Gpu) => Promise<T>) => Promise<T>;

/** Rows of one GPU buffer: a chunk stays below every adapter's binding limit (128 MiB). */
const CHUNK_BYTES = 64 << 20;
/** Probes of one dispatch. */
const MAX_PROBES = 256;
/**
 * Probes of a dispatch that several callers share. A tile of the kernel has four, so four cost little
 * more than one; more of them save the overhead of a dispatch, which is all that a small index takes.
 */
const SHARED_PROBES = { least: 4, most: 32 };
/** Multiply-adds of a dispatch that is shared: on lavapipe about the time of a batch of faces. */
const SHARED_WORK = 1.6e9;

type Rows = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** How rows of an index lie in memory: format, and values of a row with its padding. */
interface Layout {
  readonly format: RowFormat;
  readonly width: number;
}

interface Search {
  readonly probes: readonly Float32Array[];
  readonly k: number;
}

type Hit = Awaited<ReturnType<SearchIndex['search']>>[number][number];

interface Chunk {
  readonly rows: Rows;
  readonly ids: string[];
  /** Rows changed since the last upload: [from, to). */
  dirty: [from: number, to: number];
  resident?: { gpu: Gpu; buffer: GPUBuffer };
}

/**
 * An exact index: rows live in chunks in memory and, from the first search on, on the GPU. A removed
 * row is overwritten by the last one, so that rows stay dense; changed rows are uploaded before the
 * next search, all of them when the device is new. Searches that wait together go in one dispatch where
 * their k is about the same; each gets what it would have got alone.
 * @param format f16 takes half the memory, on lavapipe 0.7 of the time, and moves a distance by up to
 *   0.0005.
 * @param join does a search when its turn comes, at once when absent.
 */
export function createSearchIndex(
  dimensions: number,
  onGpu: OnGpu,
  format: RowFormat = 'f32',
  join: GpuQueue['join'] = async (batching, item) => (await batching.run([item]))[0],
): SearchIndex {
  const half = format === 'f16';
  const width = Math.ceil(dimensions / (half ? 8 : 4)) * (half ? 8 : 4);
  const layout: Layout = { format, width };
  const rowBytes = width * (half ? 2 : 4);
  const capacity = Math.floor(CHUNK_BYTES / rowBytes / SEARCH_BLOCK) * SEARCH_BLOCK;
  const allocate = (count: number): Rows =>
    half ? new Uint16Array(count * width) : new Float32Array(count * width);
  const encoded = (embedding: Float32Array) => (half ? toHalf(embedding) : embedding);
  const chunks: Chunk[] = [];
  const places = new Map<string, { chunk: Chunk; row: number }>();
  const searching = new Set<Promise<unknown>>();
  const batchings = new Map<number, Batching<Search, Hit[][]>>();
  let destroyed = false;

  const write = (chunk: Chunk, row: number, id: string, values: Rows | Float32Array) => {
    chunk.rows.set(values, row * width);
    chunk.ids[row] = id;
    chunk.dirty = [Math.min(chunk.dirty[0], row), Math.max(chunk.dirty[1], row + 1)];
    places.set(id, { chunk, row });
  };
  const chunkWithRoom = (): Chunk => {
    const last = chunks.at(-1);
    if (last && last.ids.length * width < last.rows.length) return last;
    if (last && last.rows.length < capacity * width) {
      // Doubling keeps small galleries small.
      const grown = allocate(Math.min((last.rows.length / width) * 2, capacity));
      grown.set(last.rows);
      last.resident?.buffer.destroy();
      const chunk: Chunk = { rows: grown, ids: last.ids, dirty: [0, last.ids.length] };
      chunks[chunks.length - 1] = chunk;
      for (const [row, id] of last.ids.entries()) places.set(id, { chunk, row });
      return chunk;
    }
    const rows = allocate(SEARCH_BLOCK);
    const chunk: Chunk = { rows, ids: [], dirty: [0, 0] };
    chunks.push(chunk);
    return chunk;
  };
  const check = (embedding: Float32Array) => {
    if (destroyed) throw new Error('search index: used after destroy');
    if (embedding.length !== dimensions)
      throw new FacegraphError(
        'ModelMismatch',
        `an embedding of ${embedding.length} values does not fit an index of ${dimensions}`,
      );
  };

  const searchAll = async (gpu: Gpu, searches: readonly Search[]): Promise<Hit[][][]> => {
    const probes = searches.flatMap((search) => search.probes);
    const most = Math.max(...searches.map(({ k }) => k));
    const found: Hit[][] = probes.map(() => []);
    for (let from = 0; from < probes.length; from += MAX_PROBES) {
      const some = probes.slice(from, from + MAX_PROBES);
      for (const chunk of [...chunks])
        (await searchChunk(gpu, chunk, some, most, layout)).forEach((hits, p) => {
          found[from + p].push(...hits);
        });
    }
    // Equal distances keep the order of the rows, whatever k is: the best k of more are the best k.
    for (const hits of found) hits.sort((a, b) => a.distance - b.distance);
    let at = 0;
    return searches.map((search) => {
      const first = at;
      at += search.probes.length;
      return found.slice(first, at).map((hits) => hits.slice(0, search.k));
    });
  };

  // The best of a block are drawn one after another, so a search does not pay for one with a larger k
  // more than twice what it asked for.
  const batchingOf = (k: number): Batching<Search, Hit[][]> => {
    const octave = Math.ceil(Math.log2(k));
    const known = batchings.get(octave);
    const made: Batching<Search, Hit[][]> = known ?? {
      get capacity() {
        return sharedProbes(places.size * width);
      },
      size: ({ probes }) => probes.length,
      bytes: ({ probes }) => probes.length * dimensions * 4,
      run: (searches) => onGpu((gpu) => searchAll(gpu, searches)),
    };
    batchings.set(octave, made);
    return made;
  };

  return {
    dimensions,
    get size() {
      return places.size;
    },
    add(id, embedding) {
      check(embedding);
      const known = places.get(id);
      if (known) write(known.chunk, known.row, id, encoded(embedding));
      else {
        const chunk = chunkWithRoom();
        write(chunk, chunk.ids.length, id, encoded(embedding));
      }
    },
    remove(id) {
      const place = places.get(id);
      if (!place) return false;
      const last = chunks.at(-1)!;
      const row = last.ids.length - 1;
      const moved = last.ids[row];
      if (moved !== id)
        write(
          place.chunk,
          place.row,
          moved,
          last.rows.subarray(row * width, row * width + dimensions),
        );
      last.ids.pop();
      last.rows.fill(0, row * width, (row + 1) * width);
      places.delete(id);
      if (last.ids.length === 0) chunks.pop()!.resident?.buffer.destroy();
      return true;
    },
    search(probes, k) {
      for (const probe of probes) check(probe);
      if (!(Number.isInteger(k) && k >= 1))
        throw new FacegraphError('InvalidInput', `k is ${k}: give 1 and more`);
      if (probes.length === 0) return Promise.resolve([]);
      const search = join(batchingOf(k), { probes, k });
      searching.add(search);
      const forget = () => searching.delete(search);
      search.then(forget, forget);
      return search;
    },
    destroy() {
      destroyed = true;
      // The searches that wait still have their answers.
      void Promise.allSettled(searching).then(() => {
        for (const chunk of chunks.splice(0)) chunk.resident?.buffer.destroy();
        places.clear();
      });
    },
  };
}

/** Probes of a dispatch that several callers share, over rows of so many values together. */
export function sharedProbes(values: number): number {
  const { least, most } = SHARED_PROBES;
  return Math.min(Math.max(Math.floor(SHARED_WORK / Math.max(1, values)), least), most);
}

async function searchChunk(
  gpu: Gpu,
  chunk: Chunk,
  probes: readonly Float32Array[],
  k: number,
  { width, format }: Layout,
): Promise<Hit[][]> {
  const buffer = upload(gpu, chunk, width);
  // Rows may come and go while the GPU works; the answer is about those of this moment.
  const ids = chunk.ids.slice();
  const scope = openScope(gpu);
  try {
    const packed = new Float32Array(probes.length * width);
    for (const [p, probe] of probes.entries()) packed.set(probe, p * width);
    const probeBuffer = storage(scope, packed.byteLength, 'probes');
    gpu.device.queue.writeBuffer(probeBuffer, 0, packed);
    // A block of rows has no more than its own to give.
    const perBlock = Math.min(k, SEARCH_BLOCK);
    const perProbe = Math.ceil(ids.length / SEARCH_BLOCK) * perBlock;
    const size = probes.length * perProbe * 4;
    const [scores, indices] = [storage(scope, size, 'scores'), storage(scope, size, 'indices')];
    const made = await search(scope, {
      rows: { buffer },
      format,
      probes: { buffer: probeBuffer },
      scores: { buffer: scores },
      indices: { buffer: indices },
      count: ids.length,
      dimensions: width,
      probeCount: probes.length,
      k: perBlock,
    });
    const [scoreBytes, indexBytes] = await submitAndRead(
      gpu,
      (encoder) => encode(encoder, [made]),
      [scores, indices].map((b) => ({ buffer: b, offset: 0, size })),
    );
    const similarity = new Float32Array(scoreBytes);
    return probes.map((_, p) =>
      [...new Int32Array(indexBytes, p * perProbe * 4, perProbe)].flatMap((row, i) =>
        row < 0 ? [] : [{ id: ids[row], distance: 1 - similarity[p * perProbe + i] }],
      ),
    );
  } finally {
    closeScope(scope);
  }
}

function upload(gpu: Gpu, chunk: Chunk, width: number): GPUBuffer {
  if (chunk.resident?.gpu !== gpu) {
    const buffer = storageBuffer(gpu, chunk.rows.byteLength, 'index');
    chunk.resident = { gpu, buffer };
    chunk.dirty = [0, chunk.ids.length];
  }
  const { buffer } = chunk.resident;
  const [from, to] = [chunk.dirty[0], Math.min(chunk.dirty[1], chunk.ids.length)];
  if (from < to)
    gpu.device.queue.writeBuffer(
      buffer,
      from * width * chunk.rows.BYTES_PER_ELEMENT,
      chunk.rows,
      from * width,
      (to - from) * width,
    );
  chunk.dirty = [chunk.ids.length, 0];
  return buffer;
}
