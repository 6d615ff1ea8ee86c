import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrap, type PeopleCompared } from '../src/faces/statistics/bootstrap.ts';
import {
  areaUnderCurve,
  type Comparison,
  equalErrorRate,
  errorCurve,
  finestFmr,
  pointAtFmr,
  ratesAt,
  scoresOf,
} from '../src/faces/statistics/errorRates.ts';
import { accuracyAt, bestThreshold, foldedAccuracy } from '../src/faces/statistics/folds.ts';
import { rateBelow, wilson } from '../src/faces/statistics/interval.ts';
import { seededRandom } from '../src/faces/statistics/seededRandom.ts';

// Hundredths, so that ties are common; now and then a face that was not found.
const comparison: fc.Arbitrary<Comparison> = fc.record({
  distance: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 200 }).map((value) => value / 100) },
    { weight: 1, arbitrary: fc.constant(Infinity) },
  ),
  genuine: fc.boolean(),
});
const comparisons = fc.array(comparison, { minLength: 1, maxLength: 60 });
const both = comparisons.filter(
  (all) => all.some(({ genuine }) => genuine) && all.some(({ genuine }) => !genuine),
);
const share = (all: readonly Comparison[], is: (one: Comparison) => boolean) =>
  all.filter(is).length / all.length;

describe('error rates', () => {
  const scores = scoresOf([
    ...[0.1, 0.2, 0.3, 0.6].map((distance) => ({ distance, genuine: true })),
    ...[0.5, 0.6, 0.7, 0.8, 0.9].map((distance) => ({ distance, genuine: false })),
  ]);

  it('are shares of each kind, the threshold itself matching', () => {
    expect(ratesAt(scores, 0.5)).toEqual({ threshold: 0.5, fmr: 0.2, fnmr: 0.25 });
    expect(ratesAt(scores, 0.05)).toEqual({ threshold: 0.05, fmr: 0, fnmr: 1 });
    expect(ratesAt(scores, 2)).toEqual({ threshold: 2, fmr: 1, fnmr: 0 });
  });

  it('equal those counted one by one', () => {
    fc.assert(
      fc.property(both, fc.integer({ min: 0, max: 200 }), (all, hundredths) => {
        const threshold = hundredths / 100;
        const { fmr, fnmr } = ratesAt(scoresOf(all), threshold);
        const genuine = all.filter((one) => one.genuine);
        const impostor = all.filter((one) => !one.genuine);
        expect(fmr).toBeCloseTo(share(impostor, (one) => one.distance <= threshold));
        expect(fnmr).toBeCloseTo(share(genuine, (one) => one.distance > threshold));
      }),
    );
  });

  it('meet where both are nearest', () => {
    expect(equalErrorRate(scores)).toEqual({ threshold: 0.5, rate: expect.closeTo(0.225) });
    expect(equalErrorRate(scoresOf([{ distance: 0.1, genuine: true }])).rate).toBeNaN();
  });

  it('meet where a search through all distances finds it', () => {
    fc.assert(
      fc.property(both, (all) => {
        const tested = scoresOf(all);
        const finite = all.map(({ distance }) => distance).filter((d) => d < Infinity);
        const gap = (distance: number) => {
          const { fmr, fnmr } = ratesAt(tested, distance);
          return Math.abs(fmr - fnmr);
        };
        const least = Math.min(...finite.map(gap));
        const { threshold, rate } = equalErrorRate(tested);
        if (finite.length === 0) expect(rate).toBeNaN();
        else expect(gap(threshold)).toBeCloseTo(least, 12);
      }),
    );
  });

  it('match nobody where too many impostors are the same picture', () => {
    const same = scoresOf(
      Array.from({ length: 40 }, (_, i) => ({ distance: i < 10 ? 0 : 0.5, genuine: false })),
    );
    expect(pointAtFmr(same, 0.1)).toMatchObject({ threshold: -1, fmr: 0 });
    expect(pointAtFmr(same, 0.25)).toMatchObject({ threshold: 0.25, fmr: 0.25 });
  });

  it('give the most generous threshold of a false match rate', () => {
    fc.assert(
      fc.property(both, fc.constantFrom(0.01, 0.1, 0.3, 0.5), (all, target) => {
        const tested = scoresOf(all);
        const point = pointAtFmr(tested, target);
        if (tested.impostor.length * target < 3 - 1e-9) {
          expect(point).toBeNull();
          return;
        }
        expect(point!.fmr).toBeLessThanOrEqual(target + 1e-12);
        // Every threshold that accepts one more genuine comparison breaks the promise.
        for (const distance of tested.genuine)
          if (distance > point!.threshold && distance < Infinity)
            expect(ratesAt(tested, distance).fmr).toBeGreaterThan(target);
      }),
    );
  });

  it('claim no rate that the impostors do not support', () => {
    const impostors = Array.from({ length: 300 }, (_, i) => ({
      distance: 0.5 + i / 1000,
      genuine: false,
    }));
    expect(finestFmr(300)).toBe(0.01);
    expect(pointAtFmr(scoresOf(impostors), 0.01)).toEqual({
      threshold: expect.closeTo(0.5025),
      fmr: 0.01,
      fnmr: Number.NaN,
    });
    expect(pointAtFmr(scoresOf(impostors), 0.0099)).toBeNull();
    expect(pointAtFmr(scoresOf(impostors.slice(1)), 0.01)).toBeNull();
  });

  it('have the area under their curve', () => {
    fc.assert(
      fc.property(both, (all) => {
        const genuine = all.filter((one) => one.genuine);
        const impostor = all.filter((one) => !one.genuine);
        let wins = 0;
        for (const a of genuine)
          for (const b of impostor)
            wins += a.distance < b.distance ? 1 : a.distance === b.distance ? 0.5 : 0;
        const expected = wins / (genuine.length * impostor.length);
        expect(areaUnderCurve(scoresOf(all))).toBeCloseTo(expected, 10);
      }),
    );
  });

  it('draw a curve that is bounded in points, true, and reaches both ends', () => {
    const random = seededRandom(7);
    const many = scoresOf(
      Array.from({ length: 20_000 }, (_, i) => ({
        distance: random() + (i % 2 ? 0.4 : 0),
        genuine: i % 2 === 0,
      })),
    );
    const curve = errorCurve(many, 200);
    expect(curve.length).toBeLessThanOrEqual(200);
    expect(curve.length).toBeGreaterThan(100);
    for (const point of curve) expect(point).toEqual(ratesAt(many, point.threshold));
    expect(curve.at(-1)).toMatchObject({ fmr: 1, fnmr: 0 });
    expect(curve[0].fmr).toBe(0);
    // The first false matches are drawn one by one.
    expect(curve.filter(({ fmr }) => fmr > 0 && fmr <= 0.001).length).toBeGreaterThan(5);
  });
});

describe('the accuracy in folds', () => {
  it('is judged at thresholds that the fold had no say in', () => {
    const fold = (name: number, genuine: number, impostor: number) => [
      { fold: name, distance: genuine, genuine: true },
      { fold: name, distance: impostor, genuine: false },
    ];
    const { mean, deviation, folds } = foldedAccuracy([
      ...fold(0, 0.2, 0.6),
      ...fold(1, 0.2, 0.6),
      ...fold(2, 0.5, 0.3),
    ]);
    // The third fold is judged at 0.4, and would have asked for something else.
    expect(folds[2]).toEqual({ accuracy: 0, threshold: expect.closeTo(0.4) });
    expect(folds[0].accuracy).toBe(1);
    expect(mean).toBeCloseTo(2 / 3);
    expect(deviation).toBeCloseTo(Math.sqrt(2 / 9));
  });

  it('finds the threshold of fewest errors', () => {
    fc.assert(
      fc.property(comparisons, (all) => {
        const best = Math.max(
          ...[-1, ...all.map(({ distance }) => distance)].map((at) =>
            accuracyAt(all, Math.min(at, 2)),
          ),
        );
        expect(accuracyAt(all, bestThreshold(all))).toBeCloseTo(best);
      }),
    );
  });
});

describe('intervals', () => {
  it('of shares are those of Wilson', () => {
    // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    const known = [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ];
    for (const [hits, n, low, high] of known) {
      expect(wilson(hits, n)[0]).toBeCloseTo(low, 4);
      expect(wilson(hits, n)[1]).toBeCloseTo(high, 4);
    }
    expect(wilson(20, 20)).toEqual([expect.closeTo(1 - 0.1611, 4), 1]);
    expect(wilson(0, 0)).toEqual([0, 1]);
  });

  it('by bootstrap over identities are wider than their comparisons would have it', () => {
    // 20 people of 50 comparisons each that stand or fall together: as good as 20 comparisons.
    const all: PeopleCompared[] = Array.from({ length: 1000 }, (_, i) => {
      const person = i % 20;
      return {
        distance: person < 4 ? 0.9 : 0.1,
        genuine: true,
        identities: [`${person}`, `${person}`],
      };
    });
    const [[low, high]] = bootstrap(all, (scores) => [ratesAt(scores, 0.5).fnmr]);
    // Binomial over 20: the 2.5 % and 97.5 % quantiles of 4 in 20 are 1 and 8.
    expect(low).toBeCloseTo(0.05, 1);
    expect(high).toBeCloseTo(0.4, 1);
    expect(high - low).toBeGreaterThan(0.2);
    expect(bootstrap(all, (scores) => [ratesAt(scores, 0.5).fnmr])).toEqual([[low, high]]);
  });

  it('by bootstrap count an impostor comparison when both of its people are drawn', () => {
    const all: PeopleCompared[] = [
      { distance: 0.3, genuine: false, identities: ['a', 'b'] },
      { distance: 0.2, genuine: true, identities: ['a', 'a'] },
    ];
    const seen = new Set<string>();
    bootstrap(all, ({ genuine, impostor }) => {
      seen.add(`${genuine.length} ${impostor.length}`);
      return [0];
    });
    // a twice, a and b, b twice.
    expect([...seen].sort()).toEqual(['0 0', '1 1', '2 0']);
    expect(bootstrap(all, () => [Number.NaN])).toEqual([[Number.NaN, Number.NaN]]);
  });
});

describe('the bound of a rate', () => {
  it('is the exact one of Poisson, within a hundredth', () => {
    for (const hits of [0, 1, 2, 3, 10, 50]) {
      const mean = rateBelow(hits, 1e6) * 1e6;
      // The chance of so few hits, had the rate been the bound.
      let [term, chance] = [Math.exp(-mean), 0];
      for (let k = 0; k <= hits; k++, term *= mean / k) chance += term;
      expect(chance).toBeGreaterThan(0.047);
      expect(chance).toBeLessThan(0.053);
    }
    expect(rateBelow(0, 300)).toBe(0.01);
    expect(rateBelow(5, 3)).toBe(1);
  });
});
