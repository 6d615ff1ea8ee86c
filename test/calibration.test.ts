import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareFaces, type EmbeddedFace } from '../src/faces/calibration/compare.ts';
import {
  decide,
  deriveThresholds,
  estimateFmr,
  fmrAllowed,
} from '../src/faces/calibration/decide.ts';
import { measure, PROMISED } from '../src/faces/calibration/measure.ts';
import { chooseFaces } from '../src/faces/calibration/sample.ts';
import { cosineDistance } from '../src/faces/distance.ts';
import { heldInCheck } from '../src/faces/evaluation/heldIn.ts';
import { ratesAt, type Scores } from '../src/faces/statistics/errorRates.ts';
import { seededRandom } from '../src/faces/statistics/seededRandom.ts';

const ascending = (values: readonly number[]) => Float64Array.from(values).sort();
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Faces of random people: a direction each, and noise around it. */
function faces(people: number, each: number, seed: number, dimensions = 32): EmbeddedFace[] {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return range(people).flatMap((person) => {
    const centre = range(dimensions).map(normal);
    return range(each).map((face) => {
      const values = centre.map((value) => value + 0.35 * normal());
      const norm = Math.hypot(...values);
      return {
        identity: `person ${person}`,
        imageHash: `photograph ${person} ${face}`,
        embedding: Float32Array.from(values, (value) => value / norm),
      };
    });
  });
}

describe('the faces that are compared', () => {
  it('are the same for the same seed, and everybody has one before anybody has two', () => {
    const all = faces(2000, 2, 1, 2);
    const { genuine, impostor } = chooseFaces(all, 7);
    expect(chooseFaces(all, 7)).toEqual({ genuine, impostor });
    expect(chooseFaces(all, 8).impostor).not.toEqual(impostor);
    expect(impostor).toHaveLength(2500);
    expect(new Set(impostor).size).toBe(2500);
    expect(new Set(impostor.slice(0, 2000).map(({ identity }) => identity)).size).toBe(2000);
    expect(genuine).toHaveLength(1000);
  });

  it('of one person are few, and two at least', () => {
    const { genuine } = chooseFaces([...faces(1, 50, 1, 2), ...faces(1, 1, 2, 2)], 1);
    expect(genuine.map((group) => group.length)).toEqual([8]);
  });

  it('are compared in every pair that counts, and never on one photograph', async () => {
    const [a1, a2, b1, b2, c] = [...faces(2, 2, 3), ...faces(1, 1, 4)];
    // c stands beside a1 on one photograph; b1 and b2 are of one photograph too.
    const others = [a1, a2, b1, { ...b2, imageHash: b1.imageHash }];
    const all = [...others, { ...c, identity: 'somebody', imageHash: a1.imageHash }];
    const scores = await compareFaces(chooseFaces(all, 1));
    const distance = (x: EmbeddedFace, y: EmbeddedFace) => cosineDistance(x.embedding, y.embedding);
    expect(scores.genuine).toEqual(ascending([distance(a1, a2)]));
    const pairs = [
      ...[b1, b2, c].map((face) => [a2, face] as const),
      ...[b1, b2].map((face) => [a1, face] as const),
      ...[b1, b2].map((face) => [c, face] as const),
    ];
    expect(scores.impostor).toEqual(ascending(pairs.map(([x, y]) => distance(x, y))));
  });
});

describe('what comparisons tell', () => {
  // 60 impostors at 0.50, 0.51 … 1.09; of four genuine pairs one lies among them.
  const scores: Scores = {
    genuine: ascending([0.1, 0.2, 0.3, 0.545]),
    impostor: ascending(range(60).map((i) => 0.5 + i / 100)),
  };
  const made = measure(scores);

  it('is what one counts by hand', () => {
    expect(made).toMatchObject({ genuinePairs: 4, impostorPairs: 60 });
    // 60 pairs support 3/60 and no hundredth; six of them may match at a tenth.
    expect(made.points).toHaveLength(1);
    expect(made.points[0]).toMatchObject({
      promised: 0.1,
      threshold: expect.closeTo(0.555),
      fmr: 0.1,
      fnmr: 0,
    });
    expect(made.points[0].fmrInterval[0]).toBeLessThan(0.1);
    expect(made.points[0].fmrInterval[1]).toBeGreaterThan(0.1);
    // At 0.54 a quarter of the genuine and 5/60 of the impostors are wrong, at 0.545 none and 5/60.
    expect(made.equalErrorThreshold).toBeCloseTo(0.545);
    expect(made.equalErrorRate).toBeCloseTo((0 + 5 / 60) / 2);
  });

  it('is a curve from no impostor to all of them', () => {
    const [first, second] = made.curve;
    expect(first).toEqual({ threshold: expect.closeTo(0.4), fmr: 0, fnmr: 0.25 });
    expect(second).toEqual({ threshold: expect.closeTo(0.505), fmr: 1 / 60, fnmr: 0.25 });
    expect(made.curve.at(-1)).toMatchObject({ fmr: 1, fnmr: 0 });
  });

  it('claims nothing beyond what the pairs allow, and is monotone and true', () => {
    const distance = fc.integer({ min: 0, max: 200 }).map((value) => value / 100);
    const some = (minLength: number, maxLength: number) =>
      fc.array(distance, { minLength, maxLength }).map(ascending);
    fc.assert(
      fc.property(some(1, 30), some(30, 4000), (genuine, impostor) => {
        const { points, curve } = measure({ genuine, impostor });
        const allowed = PROMISED.filter((rate) => rate * impostor.length >= 3 - 1e-9);
        expect(points.map(({ promised }) => promised)).toEqual(allowed);
        for (const [i, point] of points.entries()) {
          expect(point.fmr).toBeLessThanOrEqual(point.promised + 1e-12);
          if (i > 0) expect(point.threshold).toBeLessThanOrEqual(points[i - 1].threshold);
        }
        for (const [i, point] of curve.entries()) {
          expect(point).toEqual(ratesAt({ genuine, impostor }, point.threshold));
          if (i === 0) {
            expect(point.fmr).toBe(0);
            continue;
          }
          expect(point.threshold).toBeGreaterThan(curve[i - 1].threshold);
          expect(point.fmr).toBeGreaterThanOrEqual(curve[i - 1].fmr);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is nothing without a genuine pair or 30 of impostors', () => {
    const few = { ...scores, impostor: scores.impostor.subarray(0, 29) };
    for (const bad of [few, { ...scores, genuine: new Float64Array() }])
      expect(() => measure(bad)).toThrow(expect.objectContaining({ code: 'TooFewFaces' }));
    expect(measure({ ...scores, impostor: scores.impostor.subarray(0, 30) }).points).toHaveLength(
      1,
    );
  });
});

describe('decisions', () => {
  // 300 impostors at 0.500, 0.501 …
  const made = measure({
    genuine: ascending([0.1, 0.3]),
    impostor: ascending(range(300).map((i) => 0.5 + i / 1000)),
  });

  it('share a false hit rate among all comparisons', () => {
    expect(fmrAllowed(0.01, 1)).toBeCloseTo(0.01, 15);
    expect(fmrAllowed(0.01, 36)).toBeCloseTo(1 - 0.99 ** (1 / 36), 12);
    expect(fmrAllowed(0.01, 1e9)).toBeCloseTo(0.01005033585e-9, 18);
    // An empty gallery has nobody to be taken for.
    expect(fmrAllowed(0.01, 0)).toBeCloseTo(0.01, 15);
  });

  it('keep a rate with 95 % confidence: without an impostor 300 pairs tell a hundredth', () => {
    const one = deriveThresholds(made, 0.01, 1);
    expect(one).toMatchObject({ decisive: true, fmrSupported: 0.01 });
    expect(one.threshold).toBeCloseTo(0.4);
    // Ten hundredths of 300 are 30, which are surely more than 21 (the exact bound is 29.1).
    expect(one.reviewThreshold).toBeCloseTo(0.5 + 20.5 / 1000);
    expect([0.4, 0.41, 0.6].map((distance) => decide(distance, one))).toEqual([
      'MATCH',
      'REVIEW',
      'UNKNOWN',
    ]);
  });

  it('are left to a person where the pairs are too few for the gallery', () => {
    const two = deriveThresholds(made, 0.01, 2);
    expect(two).toMatchObject({ decisive: false, threshold: one().threshold });
    expect(decide(0, two)).toBe('REVIEW');
    expect(decide(0.9, two)).toBe('UNKNOWN');
  });
  const one = () => deriveThresholds(made, 0.01, 1);

  it('become no more generous when a gallery grows or the rate falls', () => {
    const rate = fc.double({ min: 1e-5, max: 0.5, noNaN: true });
    const size = fc.integer({ min: 1, max: 1e6 });
    fc.assert(
      fc.property(rate, size, size, (hits, n, more) => {
        const small = deriveThresholds(made, hits, n);
        for (const stricter of [
          deriveThresholds(made, hits, n + more),
          deriveThresholds(made, hits / 2, n),
        ]) {
          expect(stricter.threshold).toBeLessThanOrEqual(small.threshold);
          expect(Number(stricter.decisive)).toBeLessThanOrEqual(Number(small.decisive));
        }
        expect(small.reviewThreshold).toBeGreaterThanOrEqual(small.threshold);
      }),
    );
  });

  it('tell no rate of a distance that fewer than three impostors reach', () => {
    expect(estimateFmr(made, 0.2)).toEqual({ fmr: null, below: 0.01 });
    expect(estimateFmr(made, 0.5012)).toEqual({
      fmr: null,
      below: expect.closeTo(6.296 / 300, 3),
    });
    expect(estimateFmr(made, 0.5022)).toMatchObject({ fmr: 3 / 300 });
    expect(estimateFmr(made, 1.9)).toEqual({ fmr: null, below: 1 });
  });

  it('keep strangers out of galleries of people they were not calibrated on', async () => {
    const rate = 0.05;
    const STRANGERS = 1500;
    let [hits, naive] = [0, 0];
    const galleries = 4;
    for (let seed = 1; seed <= galleries; seed++) {
      const enrolled = faces(200, 3, seed);
      const measured = measure(await compareFaces(chooseFaces(enrolled, seed)));
      const rule = deriveThresholds(measured, rate, enrolled.length);
      expect(rule.decisive).toBe(true);
      const [, hundredth] = measured.points;
      for (const { embedding } of faces(STRANGERS, 1, 1000 + seed)) {
        const nearest = Math.min(
          ...enrolled.map((face) => cosineDistance(face.embedding, embedding)),
        );
        if (decide(nearest, rule) === 'MATCH') hits++;
        if (nearest <= hundredth.threshold) naive++;
      }
    }
    const share = hits / (galleries * STRANGERS);
    expect(share).toBeLessThan(rate);
    // It is no threshold that nobody could pass either.
    expect(share).toBeGreaterThan(rate / 20);
    // A threshold for one comparison lets nearly everybody in.
    expect(naive / (galleries * STRANGERS)).toBeGreaterThan(0.5);
  });
});

describe('a promise', () => {
  const people = faces(120, 3, 5);

  it('holds among people who had no part in it', async () => {
    let kept = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const { calibrated, measured, promises } = await heldInCheck(people, seed, 200);
      expect([calibrated.identities, measured.identities]).toEqual([60, 60]);
      // 180 faces without those pairs that are of one of 60 people.
      expect(measured.impostorPairs).toBe((180 * 179) / 2 - 60 * 3);
      expect(promises.map(({ promised }) => promised)).toEqual([0.1, 0.01, 0.001]);
      kept += promises.filter((promise) => promise.kept).length;
      for (const { measured: figure } of promises)
        expect(figure.interval[0]).toBeLessThanOrEqual(figure.interval[1]);
    }
    expect(kept).toBeGreaterThanOrEqual(25);
  });

  it('is found broken where the others are more alike', async () => {
    // Whoever is not drawn for calibrating with this seed becomes a lookalike of the others.
    const { promises, seed } = await heldInCheck(people, 3, 100);
    expect(promises[1].kept).toBe(true);
    const drawn = await calibratingWith(people, seed);
    const [shared] = people.map(({ embedding }) => embedding);
    const alike = people.map((face) => {
      if (drawn.has(face.identity)) return face;
      const values = face.embedding.map((value, i) => value + shared[i]);
      const norm = Math.hypot(...values);
      return { ...face, embedding: values.map((value) => value / norm) };
    });
    const broken = await heldInCheck(alike, seed, 100);
    expect(broken.promises[1].threshold).toBe(promises[1].threshold);
    expect(broken.promises[1].measured.value).toBeGreaterThan(0.1);
    expect(broken.promises[1].kept).toBe(false);
  });
});

/** Whose faces decide the thresholds: those whose absence changes them. */
async function calibratingWith(all: readonly EmbeddedFace[], seed: number): Promise<Set<string>> {
  const { shuffled } = await import('../src/faces/statistics/seededRandom.ts');
  const people = shuffled([...new Set(all.map(({ identity }) => identity))], seededRandom(seed));
  return new Set(people.slice(0, people.length / 2));
}
