import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import type { Face } from '../src/engine/face.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { blank, type Colour } from '../src/engine/image/draw.ts';
import { encodePng } from '../src/engine/image/encode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { evaluateMasks } from '../src/faces/evaluation/evaluateMasks.ts';
import { evaluateSeed } from '../src/faces/evaluation/evaluateSeed.ts';
import { maskReport } from '../src/faces/evaluation/maskReport.ts';
import type { Reader } from '../src/faces/evaluation/reader.ts';
import { SEED_CASES, SEED_NAMED } from '../src/faces/evaluation/seedCases.ts';
import { seedReport } from '../src/faces/evaluation/seedReport.ts';
import { imagesBelow } from '../src/faces/folder/photographs.ts';
import { pixel } from './support/pixels.ts';

const engine = { adapter: { description: 'none' } } as Engine;
const GREEN: Colour = [0, 220, 0];
const CHOICE = { wish: { kind: 'round', coverage: 'high', colour: GREEN }, seed: 1 } as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'facegraph-evaluation-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await closeDecoder();
});

/** A face of 60 pixels in a picture of 100, or the left and right half of one of 200. */
function faceAt(left: number): Face {
  const at = (x: number, y: number) => [left + x, y] as const;
  return {
    box: [left + 20, 15, 60, 75],
    confidence: 0.9,
    landmarks: {
      leftEye: at(37, 45),
      rightEye: at(63, 45),
      nose: at(50, 60),
      mouthLeft: at(40, 73),
      mouthRight: at(60, 73),
    },
  };
}

/** The person is the colour of the skin, turned by `mask` degrees when there is green on the mouth. */
function reader(mask: number, lost: (red: number) => boolean = () => false): Reader {
  const embedding = (image: Image, left: number) => {
    const [red] = pixel(image, left + 2, 2);
    const worn = isWorn(image, left);
    const angle = ((red + (worn ? mask : 0)) * Math.PI) / 180;
    return Float32Array.of(Math.cos(angle), Math.sin(angle));
  };
  const isWorn = (image: Image, left: number) => {
    const [red, green] = pixel(image, left + 50, 73);
    return green > red + 50;
  };
  return {
    model: 'facenet-vggface2',
    detection: {},
    fingerprints: { detection: 'd', embedding: 'e' },
    detect: () => Promise.reject(new Error('nobody asks')),
    async embed({ image }) {
      const pixels = await image();
      const { width, height } = pixels;
      const lefts = Array.from({ length: width / 100 }, (_, i) => i * 100);
      const faces = lefts
        .filter((left) => !(isWorn(pixels, left) && lost(pixel(pixels, left + 2, 2)[0])))
        .filter((left) => pixel(pixels, left + 2, 2)[0] > 0)
        .map((left) => ({ face: faceAt(left), embedding: embedding(pixels, left) }));
      return { width, height, faces, computed: true };
    },
  };
}

function write(path: string, reds: readonly number[]): void {
  const image = blank(100 * reds.length, 100, [0, 0, 0]);
  reds.forEach((red, i) => {
    for (let y = 0; y < 100; y++)
      for (let x = 0; x < 100; x++) image.data[(y * image.width + i * 100 + x) * 3] = red;
  });
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodePng(image));
}

describe('eval masks', () => {
  let directory: string;
  let paths: string[];
  beforeAll(async () => {
    directory = join(folder, 'people');
    // Seven people 25° apart with two pictures 1° apart; one with one; one whose only face is on one picture.
    for (let i = 1; i <= 7; i++)
      for (const j of [0, 1]) write(join(directory, `P${i}`, `${j}.png`), [25 * i + j]);
    write(join(directory, 'single', '0.png'), [250]);
    write(join(directory, 'hidden', '0.png'), [240]);
    write(join(directory, 'hidden', '1.png'), [0]);
    paths = await imagesBelow(directory);
  });

  it('enrols the first picture, draws masks on all, and compares', async () => {
    const { result, subjects } = await evaluateMasks(engine, reader(10), directory, paths, CHOICE);
    expect(result.dataset).toEqual({ images: 16, people: 8, probes: 8, peopleLeftOut: 1 });
    expect(result.failures.withoutFace).toEqual([join(directory, 'hidden', '1.png')]);
    expect(subjects.find(({ identity }) => identity === 'P3')).toMatchObject({
      enrolled: { path: join(directory, 'P3', '0.png') },
      probes: [
        {
          path: join(directory, 'P3', '1.png'),
          mask: { kind: 'round', coverage: 'high', colour: '#00dc00' },
        },
      ],
    });
    // The picture without a face cannot match, with or without a mask.
    const rates = result.figures.conditions.map(({ name, fnmr }) => [name, fnmr.value]);
    expect(rates).toEqual([
      ['unmasked', 1 / 8],
      ['masked probe', 1 / 8],
      ['both masked', 1 / 8],
      ['masked enrolment', 1 / 8],
    ]);
    const far = await evaluateMasks(engine, reader(60), directory, paths, CHOICE);
    const named = new Map(far.result.figures.conditions.map((one) => [one.name, one.fnmr.value]));
    expect(named.get('masked probe')).toBe(1);
    expect(named.get('masked enrolment')).toBe(1 / 8);
    expect(far.result.figures.people.filter((one) => one.maskedEnrolmentHelps)).toHaveLength(7);
  });

  it('counts and names the faces that were lost under a mask', async () => {
    const blind = reader(0, (red) => red === 51);
    const done = await evaluateMasks(engine, blind, directory, paths, CHOICE);
    expect(done.result.failures.lostUnderMask).toEqual([join(directory, 'P2', '1.png')]);
    const masked = done.result.figures.conditions.find(({ name }) => name === 'masked probe')!;
    expect(masked.fnmr.value).toBe(2 / 8);
    const report = await maskReport(done, [['images', directory]]);
    expect(report).toContain('P2: face lost');
    expect(report).toContain('2 of 8 people are missed at least once with a mask');
  });

  it('refuses what is too few to fix a threshold', async () => {
    await expect(
      evaluateMasks(engine, reader(0), directory, paths.slice(0, 8), CHOICE),
    ).rejects.toMatchObject({ code: 'InvalidInput', message: expect.stringContaining('too few') });
  });
});

describe('eval seed', () => {
  const REDS: Record<string, number> = {
    Joe_Biden: 30,
    Obama: 80,
    ben_affleck: 130,
    EltonJohn: 180,
    Mindy_Kaling: 230,
  };
  // The article's masked faces, here 40° away: beyond 0.5 and 0.6 of nobody, 0.234 of their own.
  const MASKED = 40;

  async function seed(name: string, without?: string): Promise<[string, string[]]> {
    const directory = join(folder, name);
    for (const [person, red] of Object.entries(REDS))
      for (const i of [1, 2]) write(join(directory, 'database', `${person} (${i}).png`), [red + i]);
    const probes = [
      ...SEED_CASES.flatMap(({ people, plain, masked }) => [
        { file: plain, reds: people.map((person) => REDS[person]) },
        { file: masked, reds: people.map((person) => REDS[person] + MASKED) },
      ]),
      ...SEED_NAMED.flatMap(({ plain, masked }) => [
        { file: plain, reds: [10] },
        { file: masked, reds: [10] },
      ]),
    ];
    for (const { file, reds } of probes)
      if (file !== null && file !== without) write(join(directory, 'image', file), reds);
    return [directory, await imagesBelow(directory)];
  }

  it('verifies each person, without and with a mask, against their own pictures and others', async () => {
    const [directory, paths] = await seed('article');
    const done = await evaluateSeed(engine, reader(0), directory, paths);
    const { verification, detection, published } = done.result;
    expect(detection).toHaveLength(paths.length);
    expect(verification.map(({ person, masked }) => `${person} ${masked}`)).toEqual([
      'Joe_Biden false',
      'Obama false',
      'Joe_Biden true',
      'Obama true',
      'Obama true',
      'ben_affleck false',
      'ben_affleck true',
      'EltonJohn false',
      'EltonJohn true',
      'Mindy_Kaling false',
      'Mindy_Kaling true',
    ]);
    const [biden, , masked] = verification;
    const cosine = (degrees: number) => 1 - Math.cos((degrees * Math.PI) / 180);
    expect(biden.distances!.own).toBeCloseTo(cosine(1), 5);
    expect(biden.distances!.other).toBeCloseTo(cosine(51), 5);
    expect(biden.distances!.otherPerson).toBe('Obama');
    // 51° is 0.371, 101° more than 1.
    expect(biden.matches).toEqual([
      { threshold: 0.5, own: 2, of: 2, others: 2 },
      { threshold: 0.6, own: 2, of: 2, others: 2 },
    ]);
    // Masked, Biden stands 40° nearer to Obama, who is 11° away then.
    expect(masked.distances!.own).toBeCloseTo(cosine(38), 5);
    expect(masked.distances!.other).toBeCloseTo(cosine(11), 5);
    expect(published[0].here).toMatch(/^5 of 5: Joe_Biden 0\.000 → 0\.212/);
    // Affleck, 61° away, is 0.515.
    expect(published[1].here).toMatch(/^matches 4 pictures of others; nearest Obama \(0\.018\)/);
    const report = await seedReport(done, []);
    expect(report).toContain('Joe_Biden taken for Obama, masked: 0.018');
  });

  it('says which photograph of the article is missing', async () => {
    const [directory, paths] = await seed('incomplete', SEED_CASES[2].masked);
    await expect(evaluateSeed(engine, reader(0), directory, paths)).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(/httpcsvkmeuaeccjpg_masked1\.jpg of the article is missing/),
    });
  });
});
