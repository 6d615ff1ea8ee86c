import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blank, crop } from '../src/engine/image/draw.ts';
import { encodeJpeg } from '../src/engine/image/encode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { decodeJpeg } from '../src/engine/image/jpeg.ts';
import { readJpegHeader } from '../src/engine/image/jpegHeader.ts';
import { resize } from '../src/engine/image/resize.ts';
import { cacheDir } from '../src/engine/weights/cache.ts';
import { hasWeights } from '../src/engine/weights/load.ts';
import type { MasksResult } from '../src/faces/evaluation/evaluateMasks.ts';
import { SEED_CASES, SEED_NAMED } from '../src/faces/evaluation/seedCases.ts';
import type { SeedResult } from '../src/faces/evaluation/seedResult.ts';

const ROOT = resolve(import.meta.dirname, '..');
const DEMO = join(ROOT, 'node_modules/@vladmandic/face-api/demo');
// Seven faces of two photographs.
const FACES = {
  'sample1.jpg': [
    [832, 426, 201, 236],
    [417, 355, 176, 238],
    [1478, 211, 204, 234],
  ],
  'sample4.jpg': [
    [981, 193, 173, 219],
    [270, 210, 191, 234],
    [652, 65, 178, 226],
    [1266, 164, 161, 214],
  ],
} as const;
const AROUND = 60;
const weights = hasWeights('mtcnn') && hasWeights('facenet-vggface2');

let folder: string;
let people: Image[];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'facegraph-eval-masks-'));
  people = [];
  for (const [file, boxes] of Object.entries(FACES)) {
    const bytes = readFileSync(join(DEMO, file));
    const photograph = decodeJpeg(bytes, readJpegHeader(bytes));
    for (const [x, y, w, h] of boxes)
      people.push(crop(photograph, [x - AROUND, y - AROUND, w + 2 * AROUND, h + 2 * AROUND]));
  }
  people.forEach((person, i) => {
    save(join('people', `P${i}`, '0.jpg'), scaled(person, 0.6));
    save(join('people', `P${i}`, '1.jpg'), scaled(person, 0.45));
  });
  // Somebody of whom one photograph shows nobody, and somebody with one photograph.
  save(join('people', 'hidden', '0.jpg'), scaled(people[0], 0.5));
  save(join('people', 'hidden', '1.jpg'), blank(80, 80, [128, 128, 128]));
  save(join('people', 'single', '0.jpg'), scaled(people[0], 0.5));
  save(join('few', 'P0', '0.jpg'), scaled(people[0], 0.6));
  save(join('few', 'P0', '1.jpg'), scaled(people[0], 0.45));
  // An empty cache of evaluations over the weights that are there.
  mkdirSync(join(folder, 'cache'));
  symlinkSync(join(cacheDir(), 'weights'), join(folder, 'cache/weights'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function save(path: string, image: Image): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), encodeJpeg(image));
}

function scaled(image: Image, by: number): Image {
  return resize(image, Math.round(image.width * by), Math.round(image.height * by));
}

describe('eval masks', () => {
  const masks = (...more: string[]) => ['masks', '--min-face', '30', ...more];

  it.each([
    ['no folder', masks(), 2, /--images/],
    ['a kind that is none', masks('--images', 'x', '--kind', 'scarf'), 2, /surgical, n95/],
    ['a colour that is none', masks('--images', 'x', '--colour', 'blue'), 2, /#rrggbb/],
    ['a folder that is not there', masks('--images', 'absent'), 1, /no such folder/],
  ])('refuses %s in one line', async (_, args, exit, reason) => refused(args, exit, reason));

  it.runIf(weights)('refuses too few people', async () => {
    await refused(masks('--images', join(folder, 'few')), 1, /1 people .* too few/);
  });

  it.runIf(weights)(
    'gives the figures, writes a report, and computes nothing twice',
    async () => {
      const html = join(folder, 'masks.html');
      const args = masks('--images', join(folder, 'people'), '--kind', 'cloth', '--seed', '2');
      const { stdout, code } = await facegraph([...args, '--json', '--html', html]);
      expect(code).toBe(0);
      const {
        evaluation,
        about,
        masks: worn,
        dataset,
        failures,
        figures,
        speed,
      } = JSON.parse(stdout) as MasksResult;
      expect([evaluation, about.model]).toEqual(['masks', 'facenet-vggface2']);
      expect(worn).toEqual({ kind: 'cloth', coverage: 'random', seed: 2 });
      expect(dataset).toEqual({ images: 16, people: 8, probes: 8, peopleLeftOut: 1 });
      expect(failures.withoutFace).toEqual([join(folder, 'people/hidden/1.jpg')]);
      expect(failures.unreadable).toEqual([]);
      expect(speed.images).toBe(16);
      expect(figures.fmr).toBe(0.1);
      expect(figures.conditions.map(({ name }) => name)).toEqual([
        'unmasked',
        'masked probe',
        'both masked',
        'masked enrolment',
      ]);
      const [unmasked, masked] = figures.conditions;
      for (const condition of figures.conditions)
        expect([condition.genuine, condition.impostor]).toEqual([8, 56]);
      // Nobody but who is not to be seen is missed as they are, and the mask makes nobody better.
      expect(unmasked.fnmr.value).toBeCloseTo(1 / 8, 9);
      expect(masked.fnmr.value).toBeGreaterThanOrEqual(1 / 8);
      expect(masked.threshold).toBe(unmasked.threshold);
      const rises = figures.people.flatMap(({ rise }) => rise ?? []);
      expect(rises.length).toBeGreaterThan(4);
      expect(Math.min(...rises)).toBeGreaterThan(0);
      expect(figures.groups.filter(({ by }) => by === 'kind').map(({ value }) => value)).toEqual([
        'cloth',
      ]);
      expect(readFileSync(html, 'utf8')).toMatch(/of 8 people are missed at least once/);

      const again = await facegraph(args);
      expect(again.code).toBe(0);
      expect(again.stdout).toMatch(/^facenet-vggface2 on .*, threshold at FMR 0\.1 unmasked$/m);
      expect(again.stdout).toMatch(/^ {2}people +8 with 8 probes; 1 with fewer than two images/m);
      expect(again.stdout).toMatch(/^ {2}images per second +not measured/m);
    },
    180_000,
  );
});

describe('eval seed', () => {
  it.runIf(weights)(
    'verifies the people of the article, and names what is missing',
    async () => {
      const names = [...new Set(SEED_CASES.flatMap((one) => one.people))];
      const of = (name: string) => people[names.indexOf(name)];
      for (const name of names)
        save(join('seed/database', `${name} (1).jpg`), scaled(of(name), 0.6));
      const probes = [
        ...SEED_CASES.flatMap(({ people: shown, plain, masked }) =>
          [plain, masked].map((file) => ({ file, shown })),
        ),
        ...SEED_NAMED.flatMap(({ plain, masked }) =>
          [plain, masked].map((file) => ({ file, shown: [names[0]] })),
        ),
      ];
      for (const { file, shown } of probes)
        if (file) save(join('seed/image', file), sideBySide(shown.map((n) => scaled(of(n), 0.5))));

      const html = join(folder, 'seed.html');
      const directory = join(folder, 'seed');
      const args = ['seed', directory, '--min-face', '30'];
      const { stdout, code } = await facegraph([...args, '--json', '--html', html]);
      expect(code).toBe(0);
      const { evaluation, detection, verification } = JSON.parse(stdout) as SeedResult;
      expect(evaluation).toBe('seed');
      expect(detection).toHaveLength(names.length + probes.filter(({ file }) => file).length);
      expect(detection.every(({ faces }) => faces > 0)).toBe(true);
      expect(verification).toHaveLength(11);
      for (const { person, distances, matches } of verification) {
        expect(distances!.own, person).toBeLessThan(distances!.other);
        expect(matches.map(({ own, of: all }) => [own, all])).toEqual([
          [1, 1],
          [1, 1],
        ]);
      }
      expect(readFileSync(html, 'utf8').match(/<img /g)!.length).toBeGreaterThanOrEqual(22);
      const table = await facegraph(args);
      expect(table.stdout).toMatch(/^ {2}Obama: Obama, masked +nearest own 0\.\d{3}/m);

      rmSync(join(directory, 'image', SEED_CASES[2].masked));
      await refused(args, 1, /httpcsvkmeuaeccjpg_masked1\.jpg of the article is missing/);
    },
    240_000,
  );

  it('refuses a folder that is not there', async () => {
    await refused(['seed', join(folder, 'absent')], 1, /no such folder/);
    await refused(['seed'], 2, /argument 'dir'/);
  });
});

function sideBySide(images: readonly Image[]): Image {
  const height = Math.max(...images.map((image) => image.height));
  const width = images.reduce((sum, image) => sum + image.width, 0);
  const whole = blank(width, height, [128, 128, 128]);
  let left = 0;
  for (const image of images) {
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
      whole.data.set(row, (y * width + left) * 3);
    }
    left += image.width;
  }
  return whole;
}

async function refused(args: readonly string[], exit: number, reason: RegExp): Promise<void> {
  const { code, stdout, stderr } = await facegraph(args);
  expect(stderr).toMatch(reason);
  // Progress is drawn over itself in one line.
  expect([code, stdout, stderr.trim().split('\n').length]).toEqual([exit, '', 1]);
}

function facegraph(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(ROOT, 'scripts/facegraph.mjs'), 'eval', ...args], {
      env: { ...process.env, FACEGRAPH_CACHE: join(folder, 'cache'), FACEGRAPH_DEBUG: '' },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', fail);
    // Dawn itself says on stderr what it thinks of a software adapter.
    child.on('close', (code) =>
      done({ code, stdout, stderr: stderr.replace(/^Warning: max.*\n/gm, '') }),
    );
  });
}
