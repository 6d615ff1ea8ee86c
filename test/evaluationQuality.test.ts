import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { discardCurve, type JudgedFace } from '../src/faces/evaluation/discard.ts';
import { evaluateQuality } from '../src/faces/evaluation/evaluateQuality.ts';
import { qualityReport } from '../src/faces/evaluation/qualityReport.ts';
import { qualityRows } from '../src/faces/evaluation/qualityRows.ts';
import { createReader } from '../src/faces/evaluation/reader.ts';
import { openStore } from '../src/faces/evaluation/store.ts';
import { seededRandom } from '../src/faces/statistics/seededRandom.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';

/** A face at an angle on the unit circle, in degrees. */
function at(identity: string, degrees: number, score: number): JudgedFace {
  const angle = (degrees * Math.PI) / 180;
  return { identity, embedding: Float32Array.of(Math.cos(angle), Math.sin(angle)), score };
}

describe('refusing faces by quality', () => {
  // Three good faces of each of two people, near each other and far from the other's; one bad face of a
  // lies in the middle, nearer to b's than the good ones of one person to each other.
  const faces = [
    at('a', 0, 0.9),
    at('a', 10, 0.8),
    at('a', 20, 0.7),
    at('b', 90, 0.95),
    at('b', 100, 0.85),
    at('b', 110, 0.75),
    at('a', 81, 0.1),
  ];

  it('counts all pairs, refuses the lowest scores and keeps the false match rate', () => {
    const [whole, kept] = discardCurve(faces, [0, 1 / 7], [0.34]);
    // 6 + 3 genuine pairs of 21; without the bad face 3 + 3 of 15.
    expect([whole.genuinePairs, whole.impostorPairs, whole.faces]).toEqual([9, 12, 7]);
    expect([kept.genuinePairs, kept.impostorPairs, kept.faces]).toEqual([6, 9, 6]);
    expect([whole.lowestScore, kept.lowestScore]).toEqual([0.1, 0.7]);
    // In degrees the impostors are 9, 19, 29, 70, 80, 80, 90, …: 0.34 of 12 lets four of them in, so the
    // threshold lies between 71 (a genuine pair) and 80, and of the 9 genuine pairs the one at 81 is
    // missed. Without the bad face 3 of 9 are let in, and all 6 genuine pairs are within 20.
    expect(whole.at[0]!.fmr).toBeCloseTo(4 / 12, 10);
    expect(whole.at[0]!.fnmr.value).toBeCloseTo(1 / 9, 10);
    expect(kept.at[0]!.fmr).toBeCloseTo(3 / 9, 10);
    expect(kept.at[0]!.fnmr.value).toBe(0);
    expect(kept.at[0]!.change.value).toBeCloseTo(-1 / 9, 10);
    expect(whole.at[0]!.change).toEqual({ value: 0, interval: [0, 0] });
    const [low, high] = kept.at[0]!.change.interval;
    // Of the draws of two people one in four is a twice, of whose 6 pairs one was missed.
    expect(low).toBeCloseTo(-1 / 6, 10);
    expect(high).toBe(0);
  });

  it('claims no rate that the pairs do not support', () => {
    const [whole] = discardCurve(faces, [0], [0.25, 0.2]);
    expect(whole.at[0]).not.toBeNull();
    expect(whole.at[1]).toBeNull();
  });

  it('says nothing for scores that say nothing, and much for those that know', () => {
    const random = seededRandom(7);
    const noisy = (knows: boolean) =>
      Array.from({ length: 60 }, (_, person) =>
        Array.from({ length: 4 }, (_, i) => {
          const bad = i === 3;
          const degrees = 6 * person + (bad ? 40 : 4) * (random() - 0.5);
          return at(`p${person}`, degrees, knows && bad ? random() / 2 : random());
        }),
      ).flat();
    const change = (knows: boolean) =>
      discardCurve(noisy(knows), [0, 0.2], [0.01])[1].at[0]!.change;
    expect(change(true).value).toBeLessThan(-0.05);
    expect(change(true).interval[1]).toBeLessThan(0);
    const [low, high] = change(false).interval;
    expect(low).toBeLessThanOrEqual(0);
    expect(high).toBeGreaterThanOrEqual(0);
  });
});

describe('eval quality', () => {
  let folder: string;
  const engine = fakeEngine();
  const image = (path: string) => join(folder, path);
  const pictures: Record<string, Uint8Array> = {
    'Ada/1.png': picture(PEOPLE.red),
    'Ada/2.png': picture([215, 40, 40]),
    'Bob/1.png': picture(PEOPLE.green),
    'Cid/1.png': picture(PEOPLE.blue),
    'Cid/none.png': picture(),
    'Cid/broken.png': Buffer.from('no picture'),
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'facegraph-quality-'));
    for (const [path, bytes] of Object.entries(pictures)) {
      mkdirSync(join(image(path), '..'), { recursive: true });
      writeFileSync(image(path), bytes);
    }
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await closeDecoder();
  });
  const run = (half?: 'first' | 'second') => {
    const reader = createReader(engine, {
      model: 'facenet-vggface2',
      detect: {},
      store: openStore(join(folder, '.cache')),
      fingerprints: { detection: 'd', embedding: 'e' },
    });
    const paths = Object.keys(pictures).map(image);
    return evaluateQuality(engine, reader, { directory: folder, paths, half });
  };

  it('reads people and faces of a folder, and says what it could not use', async () => {
    const done = await run();
    const { dataset, failures, points } = done.result;
    expect(dataset).toEqual({
      images: 6,
      people: 3,
      faces: 4,
      half: null,
      refusedByStandard: 0,
    });
    expect(failures.withoutFace).toEqual([image('Cid/none.png')]);
    expect(failures.unreadable).toMatchObject([{ image: image('Cid/broken.png') }]);
    expect([points[0].genuinePairs, points[0].impostorPairs]).toEqual([1, 5]);
    const rows = new Map(qualityRows(done.result));
    expect(rows.get('no face found')).toBe('2 of 6 images');
    expect(rows.get('0 % refused, FNMR at FMR 1 %')).toBe('needs 300 impostor pairs');
    const report = await qualityReport(done, [['images', folder]]);
    expect(report.match(/src="data:image\/jpeg/g)).toHaveLength(8);
    expect(report).toContain('too few pairs');
  });

  it('takes every other person by name, and needs somebody twice', async () => {
    expect((await run('first')).result.dataset).toMatchObject({ images: 5, people: 2 });
    await expect(run('second')).rejects.toThrow('needs somebody with two pictures');
  });
});
