import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSearchIndex } from '../src/engine/searchIndex.ts';
import { openGpu } from '../src/gpu/device.ts';
import { SEARCH_BLOCK } from '../src/kernels/search.ts';
import { testGpu } from './support/gpu.ts';
import { randomArray } from './support/random.ts';

function unit(seed: number, dimensions: number): Float32Array {
  const v = randomArray(seed, dimensions);
  const norm = Math.hypot(...v);
  return v.map((x) => x / norm);
}

function sorted(rows: Map<string, Float32Array>, probe: Float32Array, k: number) {
  return [...rows]
    .map(([id, row]) => ({ id, distance: 1 - row.reduce((sum, v, i) => sum + v * probe[i], 0) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, k);
}

const index = (dimensions: number) =>
  createSearchIndex(dimensions, async (task) => task(await testGpu()));

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
              rows.set(name, unit(seed, 10));
              made.add(name, unit(seed, 10));
            } else expect(made.remove(name)).toBe(rows.delete(name));
            if (i % 20 === 19) await expectSame(made, rows, [unit(i, 10)], k);
          }
          expect(made.size).toBe(rows.size);
          await expectSame(made, rows, [unit(1, 10), unit(2, 10)], k);
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
      rows.set(`r${i}`, unit(i, 64));
      made.add(`r${i}`, unit(i, 64));
      if (i === SEARCH_BLOCK + 5) await expectSame(made, rows, [unit(99, 64)], 3); // resident, then grows
    }
    await expectSame(made, rows, [unit(7, 64), unit(5000, 64), unit(6000, 64)], 10);
    await expectSame(made, rows, [unit(7, 64)], 2 * SEARCH_BLOCK + 1); // more than a block has
    for (let i = 0; i < 3 * SEARCH_BLOCK; i++) {
      rows.delete(`r${i}`);
      made.remove(`r${i}`);
    }
    await expectSame(made, rows, [unit(7, 64)], 30);
    made.destroy();
  });

  it('answers nothing when empty and refuses what does not fit', async () => {
    const made = index(8);
    expect(await made.search([unit(1, 8)], 3)).toEqual([[]]);
    expect(() => made.add('x', new Float32Array(9))).toThrow('9 values does not fit an index of 8');
    expect(() => made.search([unit(1, 8)], 0)).toThrow('k is 0');
    expect(made.remove('nobody')).toBe(false);
  });

  it('moves to a new device with all its rows', async () => {
    let gpu = await openGpu();
    const made = createSearchIndex(8, (task) => task(gpu));
    for (let i = 0; i < 50; i++) made.add(String(i), unit(i, 8));
    const [before] = await made.search([unit(3, 8)], 2);
    gpu.device.destroy();
    gpu = await openGpu();
    expect((await made.search([unit(3, 8)], 2))[0]).toEqual(before);
    expect(before[0].id).toBe('3');
    made.destroy();
    gpu.device.destroy();
  });
});
