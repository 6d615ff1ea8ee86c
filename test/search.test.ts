import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Caller, inNameOf } from '../src/engine/caller.ts';
import { DEFAULT_QUEUE } from '../src/engine/fairQueue.ts';
import { createGpuQueue, type GpuQueue } from '../src/engine/gpuQueue.ts';
import { createSearchIndex, sharedProbes } from '../src/engine/searchIndex.ts';
import { openGpu } from '../src/gpu/device.ts';
import { type RowFormat, SEARCH_BLOCK } from '../src/kernels/search.ts';
import { testGpu } from './support/gpu.ts';
import { randomUnit } from './support/unit.ts';

function sorted(rows: Map<string, Float32Array>, probe: Float32Array, k: number) {
  return [...rows]
    .map(([id, row]) => ({ id, distance: 1 - row.reduce((sum, v, i) => sum + v * probe[i], 0) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, k);
}

const caller = (client: string, signal?: AbortSignal): Caller => ({
  client,
  priority: 'request',
  signal,
});

const index = (dimensions: number) =>
  createSearchIndex(dimensions, async (task) => task(await testGpu()));

/** An index whose searches wait in a queue, and the probes of each dispatch. */
async function sharing(dimensions: number, format: RowFormat) {
  const gpu = await testGpu();
  const queue = createGpuQueue({ limits: DEFAULT_QUEUE });
  const runs: number[] = [];
  const counted = new Map<unknown, unknown>();
  const join: GpuQueue['join'] = (batching, item) => {
    const run: typeof batching.run = (items) => {
      runs.push(items.reduce((sum, each) => sum + batching.size(each), 0));
      return batching.run(items);
    };
    if (!counted.has(batching))
      counted.set(batching, Object.assign(Object.create(batching), { run }));
    return queue.join(counted.get(batching) as typeof batching, item);
  };
  return { made: createSearchIndex(dimensions, (task) => task(gpu), format, join), runs };
}

async function expectSame(
  made: ReturnType<typeof index>,
  rows: Map<string, Float32Array>,
  probes: Float32Array[],
  k: number,
) {
  const found = await made.search(probes, k);
  probes.forEach((probe, p) => {
    const expected = sorted(rows, probe, k);
    expect(found[p]).toHaveLength(expected.length);
    found[p].forEach((hit, i) => {
      expect(hit.distance).toBeCloseTo(expected[i].distance, 5);
      // Ids may swap where two rows are equally far within f32 rounding.
      const own = 1 - rows.get(hit.id)!.reduce((sum, v, d) => sum + v * probe[d], 0);
      expect(own).toBeCloseTo(expected[i].distance, 5);
    });
    expect(new Set(found[p].map((h) => h.id)).size).toBe(expected.length);
  });
}

describe('search index', () => {
  it('equals a sorted scalar search after any adds, replacements and removals', async () => {
    const operation = fc.record({ id: fc.nat(30), add: fc.boolean(), seed: fc.nat(1000) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        async (operations, k) => {
          const made = index(10);
          const rows = new Map<string, Float32Array>();
          for (const [i, { id, add, seed }] of operations.entries()) {
            const name = `face ${id}`;
            if (add) {
              rows.set(name, randomUnit(seed, 10));
              made.add(name, randomUnit(seed, 10));
            } else expect(made.remove(name)).toBe(rows.delete(name));
            if (i % 20 === 19) await expectSame(made, rows, [randomUnit(i, 10)], k);
          }
          expect(made.size).toBe(rows.size);
          await expectSame(made, rows, [randomUnit(1, 10), randomUnit(2, 10)], k);
          made.destroy();
        },
      ),
      { numRuns: 12 },
    );
  });

  it('grows over many blocks and finds the exact neighbours of several probes', async () => {
    const made = index(64);
    const rows = new Map<string, Float32Array>();
    for (let i = 0; i < 3 * SEARCH_BLOCK + 17; i++) {
      rows.set(`r${i}`, randomUnit(i, 64));
      made.add(`r${i}`, randomUnit(i, 64));
      if (i === SEARCH_BLOCK + 5) await expectSame(made, rows, [randomUnit(99, 64)], 3); // resident, then grows
    }
    await expectSame(
      made,
      rows,
      [randomUnit(7, 64), randomUnit(5000, 64), randomUnit(6000, 64)],
      10,
    );
    await expectSame(made, rows, [randomUnit(7, 64)], 2 * SEARCH_BLOCK + 1); // more than a block has
    for (let i = 0; i < 3 * SEARCH_BLOCK; i++) {
      rows.delete(`r${i}`);
      made.remove(`r${i}`);
    }
    await expectSame(made, rows, [randomUnit(7, 64)], 30);
    made.destroy();
  });

  it('answers nothing when empty and refuses what does not fit', async () => {
    const made = index(8);
    expect(await made.search([randomUnit(1, 8)], 3)).toEqual([[]]);
    expect(() => made.add('x', new Float32Array(9))).toThrow('9 values does not fit an index of 8');
    expect(() => made.search([randomUnit(1, 8)], 0)).toThrow('k is 0');
    expect(made.remove('nobody')).toBe(false);
  });

  it.each(['f32', 'f16'] as const)(
    'gives searches that share a dispatch the very bytes of each alone: %s',
    async (format) => {
      const { made, runs } = await sharing(64, format);
      // Each third row lies there twice, so that many distances are equal.
      const rows = 2 * SEARCH_BLOCK + 100;
      for (let i = 0; i < rows; i++) made.add(`r${i}`, randomUnit(i % 3 === 0 ? i % 99 : i, 64));
      const wanted = [1, 3, 1, 2, 1, 4].map((count, i) => ({
        probes: Array.from({ length: count }, (_, p) => randomUnit(9 * i + p, 64)),
        k: [20, 17, 32, 20, 25, 20][i],
      }));
      const alone = [];
      for (const { probes, k } of wanted) alone.push(await made.search(probes, k));
      runs.length = 0;
      const together = await Promise.all(
        wanted.map(({ probes, k }, i) =>
          inNameOf(caller(`key ${i}`), () => made.search(probes, k)),
        ),
      );
      expect(runs).toEqual([12]);
      expect(together).toEqual(alone);
      expect(together.map((found) => found.map((hits) => hits.length))).toEqual(
        wanted.map(({ probes, k }) => probes.map(() => k)),
      );
      made.destroy();
    },
  );

  it('shares no dispatch among searches for far more or fewer rows, nor beyond its bounds', async () => {
    const { made, runs } = await sharing(8, 'f32');
    for (let i = 0; i < 200; i++) made.add(`r${i}`, randomUnit(i, 8));
    const probes = (count: number) => Array.from({ length: count }, (_, p) => randomUnit(p, 8));
    const searches = [
      [1, 4],
      [1, 100],
      [40, 4],
      [20, 3],
      [11, 4],
      [2, 4],
    ] as const;
    const found = await Promise.all(searches.map(([count, k]) => made.search(probes(count), k)));
    expect(found.map((all) => [all.length, all[0].length])).toEqual(searches);
    // 1 + 20 + 11 fill the 32 of a dispatch; what is larger goes alone.
    expect(runs).toEqual([32, 1, 40, 2]);
    expect(await made.search([], 4)).toEqual([]);
    made.destroy();
  });

  it.each([
    [0, 32],
    [100_000 * 512, 31],
    [100_000 * 2048, 7],
    [1_000_000 * 512, 4],
    [1e12, 4],
  ])('bounds what shares a dispatch over %i values by the time it takes', (values, probes) => {
    expect(sharedProbes(values)).toBe(probes);
  });

  it('leaves out of a dispatch whoever has gone, and fails none of the others', async () => {
    const { made, runs } = await sharing(8, 'f32');
    for (let i = 0; i < 200; i++) made.add(`r${i}`, randomUnit(i, 8));
    const gone = new AbortController();
    const search = (client: string, signal?: AbortSignal) =>
      inNameOf(caller(client, signal), () => made.search([randomUnit(7, 8)], 3));
    const [a, b, c] = [search('a'), search('b', gone.signal), search('c')];
    gone.abort();
    await expect(b).rejects.toMatchObject({ code: 'Cancelled' });
    expect(() => made.search([randomUnit(1, 9)], 3)).toThrow('does not fit');
    expect((await a)[0][0].id).toBe('r7');
    expect(await c).toEqual(await a);
    expect(runs).toEqual([2]);
    // What waits when the index goes still has its answer.
    const late = search('a');
    made.destroy();
    expect(await late).toEqual(await a);
    expect(() => made.search([randomUnit(1, 8)], 3)).toThrow('after destroy');
  });

  it('moves to a new device with all its rows', async () => {
    let gpu = await openGpu();
    const made = createSearchIndex(8, (task) => task(gpu));
    for (let i = 0; i < 50; i++) made.add(String(i), randomUnit(i, 8));
    const [before] = await made.search([randomUnit(3, 8)], 2);
    gpu.device.destroy();
    gpu = await openGpu();
    expect((await made.search([randomUnit(3, 8)], 2))[0]).toEqual(before);
    expect(before[0].id).toBe('3');
    made.destroy();
    gpu.device.destroy();
  });
});
