import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHalf, toHalf } from '../src/engine/half.ts';

const ALL = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
const one = (x: number) => toHalf(new Float32Array([x]))[0];

describe('half precision', () => {
  it('keeps every value it has', () => {
    const values = fromHalf(ALL);
    const back = toHalf(values);
    for (const bits of ALL)
      if (Number.isNaN(values[bits])) expect(back[bits] & 0x7fff).toBe(0x7e00);
      else expect(back[bits]).toBe(bits);
  });

  it('is the format of IEEE 754', () => {
    expect(fromHalf(new Uint16Array([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555]))).toEqual(
      new Float32Array([1, -2, 65_504, 2 ** -24, 2 ** -14, 0.333251953125]),
    );
    expect([one(65_519.9), one(65_520), one(1e9), one(-1e-9)]).toEqual([
      0x7bff, 0x7c00, 0x7c00, 0x8000,
    ]);
  });

  it('rounds to the nearest, ties to even', () => {
    const positive = [...fromHalf(ALL.slice(0, 0x7c00))];
    fc.assert(
      fc.property(fc.nat(0x7bfe), fc.double({ min: 0, max: 1, noNaN: true }), (low, share) => {
        const [a, b] = [positive[low], positive[low + 1]];
        const x = Math.fround(a + (b - a) * share);
        const even = low % 2 === 0 ? low : low + 1;
        const nearest = x - a < b - x ? low : x - a > b - x ? low + 1 : even;
        expect(one(x)).toBe(nearest);
        expect(one(-x)).toBe(nearest | 0x8000);
        expect(one((a + b) / 2)).toBe(even);
      }),
      { numRuns: 2000 },
    );
  });
});
