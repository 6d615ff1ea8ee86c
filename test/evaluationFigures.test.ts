import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Face } from '../src/engine/face.ts';
import {
  averagePrecision,
  detectionFigures,
  falsePositivesPerImage,
  judge,
  precisionRecall,
} from '../src/faces/evaluation/detection.ts';
import { identificationFigures, searchOpenSet } from '../src/faces/evaluation/identification.ts';
import { parsePairs } from '../src/faces/evaluation/pairs.ts';
import { splitOpenSet } from '../src/faces/evaluation/split.ts';
import { comparePairs, verificationFigures } from '../src/faces/evaluation/verification.ts';
import { bootstrap } from '../src/faces/statistics/bootstrap.ts';
import { seededRandom } from '../src/faces/statistics/seededRandom.ts';

/** A unit vector in the plane whose distance to `at(0)` is `distance`. */
const at = (distance: number) => Float32Array.of(1 - distance, Math.sqrt(1 - (1 - distance) ** 2));

describe('verification', () => {
  // Two folds of two genuine and two impostor pairs. Everybody's first picture lies at 0.
  const { pairs } = parsePairs(
    [
      '2\t2',
      'A\t1\t2',
      'B\t1\t2',
      'A\t1\tB\t3',
      'A\t1\tC\t2',
      'C\t1\t3',
      'D\t1\t2',
      'B\t1\tD\t3',
      'C\t1\tD\t4',
    ].join('\n'),
  );
  const distances: Record<string, number> = {
    A_0002: 0.1,
    B_0002: 0.2,
    B_0003: 0.7,
    C_0002: 0.8,
    C_0003: 0.3,
    D_0003: 0.25,
    D_0004: 0.9,
  };
  // D's second picture has no face.
  const compared = comparePairs(pairs, (picture) =>
    picture.endsWith('_0001') ? at(0) : picture in distances ? at(distances[picture]) : undefined,
  );

  it('compares each pair, and matches nobody without a face', () => {
    const rounded = compared.map(({ distance }) => Math.round(distance * 1000) / 1000);
    expect(rounded).toEqual([0.1, 0.2, 0.7, 0.8, 0.3, Infinity, 0.25, 0.9]);
  });

  it('gives the figures counted by hand', () => {
    const figures = verificationFigures(compared, 0.26);
    // Fold 0 is judged at fold 1's best threshold: nothing is within −1 or, of 0.25 impostor and
    // 0.3 genuine, no threshold gains; so both genuine pairs are lost. Fold 1 is judged midway
    // between 0.2 and 0.7: it loses the pair without a face and the impostor at 0.25.
    expect(figures.accuracy.folds).toEqual([
      { threshold: -1, accuracy: 0.5 },
      { threshold: expect.closeTo(0.45), accuracy: 0.5 },
    ]);
    expect([figures.accuracy.mean, figures.accuracy.deviation]).toEqual([0.5, 0]);
    // Up to 0.25 a quarter of the impostors and half of the genuine pairs; up to 0.3 three quarters:
    // both rates are a quarter there.
    expect(figures.equalErrorRate).toMatchObject({ value: 0.25, threshold: expect.closeTo(0.3) });
    // 0.1 and 0.2 win over all four impostors, 0.3 over three, Infinity over none: 11 of 16.
    expect(figures.areaUnderCurve.value).toBe(11 / 16);
    expect(figures.atModelThreshold).toEqual({ threshold: 0.26, fmr: 0.25, fnmr: 0.5 });
    for (const { point } of figures.tarAtFar) expect(point).toBeNull();
  });

  it('claims a TAR no further than the rule of three, inside its interval', () => {
    const random = seededRandom(5);
    const many = Array.from({ length: 600 }, (_, i) => ({
      pictures: ['a', 'b'] as const,
      identities:
        i % 2 ? ([`p${i % 60}`, `q${i % 58}`] as const) : ([`p${i % 60}`, `p${i % 60}`] as const),
      genuine: i % 2 === 0,
      fold: i % 10,
      distance: i % 2 ? 0.4 + 0.6 * random() : 0.6 * random(),
    }));
    const { tarAtFar, accuracy } = verificationFigures(many, 0.4);
    // 300 impostors are enough for 1e-2 exactly.
    expect(tarAtFar.map(({ far, point }) => [far, point !== null])).toEqual([
      [0.1, true],
      [0.01, true],
      [0.001, false],
    ]);
    for (const { point } of tarAtFar.slice(0, 2)) {
      const { value, interval } = point!.tar;
      expect(interval[0]).toBeLessThan(value);
      expect(interval[1]).toBeGreaterThan(value);
    }
    expect(accuracy.interval[0]).toBeLessThan(accuracy.mean);
    expect(accuracy.interval[1]).toBeGreaterThan(accuracy.mean);
    expect(accuracy.interval[1] - accuracy.interval[0]).toBeLessThan(0.12);
  });
});

describe('identification', () => {
  // On a line of distances from 0: Ann's gallery at 0, Bob's at 0.5; Cy is enrolled without a face.
  const open = {
    enrolled: [
      { identity: 'Ann', gallery: ['ann0'], probes: ['ann1', 'ann2', 'ann3'] },
      { identity: 'Bob', gallery: ['bob0'], probes: ['bob1'] },
      { identity: 'Cy', gallery: ['cy0'], probes: ['cy1'] },
    ],
    strangers: [{ identity: 'Dan', gallery: [], probes: ['dan1', 'dan2'] }],
  };
  const where: Record<string, number> = {
    ann0: 0,
    ann1: 0.05,
    ann2: 0.45,
    bob0: 0.5,
    bob1: 0.6,
    cy1: 0.1,
    dan1: 0.9,
  };
  const searches = searchOpenSet(open, (path) => (path in where ? at(where[path]) : undefined));
  const of = (path: string) => searches.find(({ picture }) => picture === path)!;

  it('finds the right person at its rank, a person as near as its nearest picture', () => {
    expect(of('ann1')).toMatchObject({ rank: 1, other: { identity: 'Bob' } });
    expect(of('ann1').distance).toBeCloseTo(0.05);
    expect(of('ann2')).toMatchObject({ rank: 2, other: { identity: 'Bob', picture: 'bob0' } });
    expect(of('ann3')).toMatchObject({ rank: Infinity, distance: Infinity, other: undefined });
    expect(of('cy1')).toMatchObject({ rank: Infinity, enrolled: true, other: { identity: 'Ann' } });
    expect(of('dan1')).toMatchObject({
      rank: Infinity,
      enrolled: false,
      other: { identity: 'Bob' },
    });
  });

  it('counts ties against the right person', () => {
    const twins = {
      enrolled: [
        { identity: 'A', gallery: ['a0'], probes: ['a1'] },
        { identity: 'B', gallery: ['b0'], probes: [] },
      ],
      strangers: [],
    };
    expect(searchOpenSet(twins, () => at(0))[0].rank).toBe(2);
  });

  it('gives ranks as shares of the searches by enrolled people', () => {
    const { rank1, rank5, cumulativeMatch, tpirAtFpir } = identificationFigures(searches);
    // ann1 and bob1 of ann1, ann2, ann3, bob1, cy1; ann2 comes second.
    expect([rank1.value, rank5.value]).toEqual([2 / 5, 3 / 5]);
    expect(cumulativeMatch.slice(0, 3)).toEqual([2 / 5, 3 / 5, 3 / 5]);
    for (const { point } of tpirAtFpir) expect(point).toBeNull();
  });

  it('gives TPIR at FPIR by hand', () => {
    const search = (identity: string, enrolled: boolean, rank: number, distance: number) => ({
      picture: identity,
      identity,
      enrolled,
      rank,
      distance: enrolled ? distance : Infinity,
      other: enrolled ? undefined : { identity: 'x', picture: 'x', distance },
    });
    // Thirty strangers find somebody at 0.50, 0.51, …: at a rate of 0.1 three of them may, so the
    // threshold lies between 0.52 and 0.53, or between 0.525 and 0.53 as an enrolled person is there.
    const strangers = Array.from({ length: 30 }, (_, i) =>
      search(`s${i}`, false, Infinity, 0.5 + i / 100),
    );
    const people = [
      search('a', true, 1, 0.2),
      search('b', true, 1, 0.525),
      search('c', true, 2, 0.3),
      search('d', true, 1, 0.9),
    ];
    const [one, ten] = identificationFigures([...strangers, ...people]).tpirAtFpir;
    expect([one.fpir, one.point]).toEqual([0.01, null]);
    expect(ten.point!.threshold).toBeCloseTo(0.5275);
    expect(ten.point!.tpir.value).toBe(2 / 4);
  });

  it('draws the people searched for, each once', () => {
    const outcomes = Array.from({ length: 40 }, (_, i) => ({
      genuine: true,
      distance: i < 20 ? 0.1 : 0.9,
      identities: [`p${i}`, `p${i}`] as const,
    }));
    const share = ({ genuine }: { genuine: Float64Array }) => [
      genuine.filter((d) => d < 0.5).length / genuine.length,
    ];
    const [[low, high]] = bootstrap(outcomes, share);
    // Binomial with n 40: half ± 0.155.
    expect(low).toBeCloseTo(0.345, 1);
    expect(high).toBeCloseTo(0.655, 1);
  });
});

describe('the split of an open set', () => {
  const folder = fc
    .array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 12 })
    .filter((counts) => counts.some((count) => count > 1))
    .map((counts) =>
      counts.flatMap((count, who) =>
        Array.from({ length: count }, (_, i) => `set/P${who}/${i}.jpg`),
      ),
    );

  it('uses every picture once, enrols up to half of the people, and leaves each of them a probe', () => {
    fc.assert(
      fc.property(folder, fc.integer({ min: 0, max: 1000 }), (paths, seed) => {
        const open = splitOpenSet('set', paths, seed);
        const all = [...open.enrolled, ...open.strangers];
        expect(all.flatMap(({ gallery, probes }) => [...gallery, ...probes]).sort()).toEqual(
          [...paths].sort(),
        );
        expect(open.enrolled.length).toBeGreaterThan(0);
        expect(open.enrolled.length).toBeLessThanOrEqual(all.length / 2);
        for (const { gallery, probes } of open.enrolled) {
          expect(gallery.length).toBe(Math.floor((gallery.length + probes.length) / 2));
          expect(gallery.length).toBeGreaterThan(0);
        }
        for (const { gallery } of open.strangers) expect(gallery).toEqual([]);
        expect(splitOpenSet('set', paths, seed)).toEqual(open);
      }),
    );
  });

  it('differs by seed, and needs two people, one with two pictures', () => {
    const paths = Array.from({ length: 40 }, (_, i) => `set/P${i % 20}/${i}.jpg`);
    expect(splitOpenSet('set', paths, 1)).not.toEqual(splitOpenSet('set', paths, 2));
    expect(() => splitOpenSet('set', ['set/A/1.jpg', 'set/A/2.jpg'], 1)).toThrow(/two people/);
    expect(() => splitOpenSet('set', ['set/A/1.jpg', 'set/B/2.jpg'], 1)).toThrow(/two pictures/);
  });
});

describe('detection', () => {
  const point = [0, 0] as const;
  const landmarks = {
    leftEye: point,
    rightEye: point,
    nose: point,
    mouthLeft: point,
    mouthRight: point,
  };
  const face = (confidence: number, ...box: [number, number, number, number]): Face => ({
    box,
    confidence,
    landmarks,
  });
  const mark = (...box: [number, number, number, number]) => ({ box, ignore: false });

  // Image 1 has faces of 10, 50 and 100 pixels, image 2 one of 50.
  const first = judge(
    'one.jpg',
    [
      face(0.9, 0, 0, 10, 10),
      face(0.8, 100, 0, 50, 50), // right
      face(0.95, 104, 0, 50, 50), // better than the one before, for the same face: that one is wrong
      face(0.6, 300, 300, 40, 40), // nothing there
    ],
    [mark(0, 0, 10, 10), mark(100, 0, 50, 50), mark(200, 0, 100, 100)],
  );
  const second = judge('two.jpg', [face(0.7, 0, 0, 50, 25)], [mark(0, 0, 50, 50)]);

  it('counts a face for the marked one it shares half with, once', () => {
    expect(first.found.map(({ face, right }) => [face.confidence, right])).toEqual([
      [0.95, true],
      [0.9, true],
      [0.8, false],
      [0.6, false],
    ]);
    expect(first.marked.map(({ recalled }) => recalled)).toEqual([true, true, false]);
    // Exactly half is enough.
    expect(second.found[0].right).toBe(true);
    expect(judge('x', [face(0.7, 0, 0, 50, 24)], [mark(0, 0, 50, 50)]).found[0].right).toBe(false);
  });

  it('has the average precision computed by hand', () => {
    const curve = precisionRecall([first, second]);
    expect(curve.map(({ precision, recall }) => [precision, recall])).toEqual([
      [1, 1 / 4],
      [1, 2 / 4],
      [2 / 3, 2 / 4],
      [3 / 4, 3 / 4],
      [3 / 5, 3 / 4],
    ]);
    // A quarter at 1, a quarter at 1, a quarter at 3/4; the last quarter is never found.
    expect(averagePrecision(curve)).toBeCloseTo((1 + 1 + 0.75) / 4);
    expect(averagePrecision([])).toBe(0);
  });

  it('leaves faces that mean ignored boxes out, and ignored boxes too', () => {
    const image = judge(
      'x',
      [face(0.9, 0, 0, 10, 10), face(0.8, 0, 0, 10, 10)],
      [{ box: [0, 0, 10, 10], ignore: true }],
    );
    expect([image.found, image.marked]).toEqual([[], []]);
  });

  it('gives recall by size, with intervals over images', () => {
    const {
      recallBySize,
      recall,
      precision,
      averagePrecision: ap,
    } = detectionFigures([first, second]);
    expect(
      recallBySize.map(({ min, max, faces, recall: { value } }) => [min, max, faces, value]),
    ).toEqual([
      [0, 20, 1, 1],
      [40, 80, 2, 1],
      [80, 160, 1, 0],
    ]);
    expect([recall.value, precision.value]).toEqual([3 / 4, 3 / 5]);
    // Only ever the first image, or only ever the second.
    expect(recall.interval).toEqual([2 / 3, 1]);
    expect(ap.interval).toEqual([expect.closeTo(2 / 3), 1]);
  });

  it('counts false positives per image without faces', () => {
    const { value, interval } = falsePositivesPerImage([0, 0, 2, 0]);
    expect([value, interval[0]]).toEqual([0.5, 0]);
    expect(interval[1]).toBeGreaterThanOrEqual(1);
  });
});
