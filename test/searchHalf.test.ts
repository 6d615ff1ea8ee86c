import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHalf, toHalf } from '../src/engine/half.ts';
import { createSearchIndex } from '../src/engine/searchIndex.ts';
import { SEARCH_BLOCK } from '../src/kernels/search.ts';
import { testGpu } from './support/gpu.ts';
import { randomUnit } from './support/unit.ts';

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * b[i], 0);

const index = (dimensions: number) =>
  createSearchIndex(dimensions, async (task) => task(await testGpu()), 'f16');

/** What the index answers is the scalar search of the rounded rows, and near that of the rows. */
async function expectSame(
  made: ReturnType<typeof index>,
  rows: Map<string, Float32Array>,
  probe: Float32Array,
  k: number,
) {
  const rounded = new Map([...rows].map(([id, row]) => [id, fromHalf(toHalf(row))]));
  const expected = [...rounded.values()].map((row) => 1 - dot(row, probe)).sort((a, b) => a - b);
  const [found] = await made.search([probe], k);
  expect(found).toHaveLength(Math.min(k, rows.size));
  expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
  found.forEach(({ id, distance }, i) => {
    expect(distance).toBeCloseTo(expected[i], 5);
    expect(distance).toBeCloseTo(1 - dot(rounded.get(id)!, probe), 5);
    expect(Math.abs(distance - (1 - dot(rows.get(id)!, probe)))).toBeLessThan(5e-4);
  });
}

describe('search index of f16 rows', () => {
  it('equals a scalar search of rounded rows after any adds, replacements and removals', async () => {
    const operation = fc.record({ id: fc.nat(30), add: fc.boolean(), seed: fc.nat(1000) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 8 }),
        async (operations, dimensions, k) => {
          const made = index(dimensions);
          const rows = new Map<string, Float32Array>();
          for (const { id, add, seed } of operations) {
            const name = `face ${id}`;
            if (add) {
              rows.set(name, randomUnit(seed, dimensions));
              made.add(name, randomUnit(seed, dimensions));
            } else expect(made.remove(name)).toBe(rows.delete(name));
          }
          expect(made.size).toBe(rows.size);
          await expectSame(made, rows, randomUnit(1, dimensions), k);
          made.destroy();
        },
      ),
      { numRuns: 12 },
    );
  });

  it('grows over blocks while it is resident, and shrinks again', async () => {
    const made = index(512);
    const rows = new Map<string, Float32Array>();
    for (let i = 0; i < SEARCH_BLOCK + 17; i++) {
      rows.set(`r${i}`, randomUnit(i, 512));
      made.add(`r${i}`, randomUnit(i, 512));
      if (i === 100) await expectSame(made, rows, randomUnit(7, 512), 3);
    }
    await expectSame(made, rows, randomUnit(5000, 512), 10);
    for (let i = 0; i < SEARCH_BLOCK; i += 2) {
      rows.delete(`r${i}`);
      made.remove(`r${i}`);
    }
    await expectSame(made, rows, randomUnit(6000, 512), 30);
    made.destroy();
  });

  it.each([2, 4, 7])('%i probes at once find what each finds alone', async (count) => {
    const made = index(20);
    for (let i = 0; i < SEARCH_BLOCK + 300; i++) made.add(`r${i}`, randomUnit(i, 20));
    const probes = Array.from({ length: count }, (_, i) => randomUnit(7000 + i, 20));
    const together = await made.search(probes, 9);
    for (const [p, probe] of probes.entries()) {
      const [alone] = await made.search([probe], 9);
      expect(together[p].map(({ id }) => id)).toEqual(alone.map(({ id }) => id));
      together[p].forEach(({ distance }, i) => {
        expect(distance).toBeCloseTo(alone[i].distance, 6);
      });
    }
    made.destroy();
  });

  it('takes numbers that f16 holds as subnormal, and zeros', async () => {
    const made = index(8);
    const tiny = Float32Array.of(6e-8, -3e-5, 0, -0, 1, 0, 0, 0);
    made.add('tiny', tiny);
    const probe = Float32Array.of(0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0);
    const [[{ distance }]] = await made.search([probe], 1);
    // SwiftShader flushes f32 subnormals, as WebGPU allows; lavapipe does not.
    const lost = [...tiny].reduce(
      (sum, v, i) => sum + (Math.abs(v) < 2 ** -14 ? probe[i] * Math.abs(v) : 0),
      0,
    );
    const expected = 1 - dot(fromHalf(toHalf(tiny)), probe);
    expect(Math.abs(distance - expected)).toBeLessThan(lost + 1e-7);
    made.destroy();
  });
});
