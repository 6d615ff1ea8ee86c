import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blank, crop, type Rectangle } from '../src/engine/image/draw.ts';
import { encodeJpeg } from '../src/engine/image/encode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { resize } from '../src/engine/image/resize.ts';
import { cacheDir } from '../src/engine/weights/cache.ts';
import { hasWeights } from '../src/engine/weights/load.ts';
import type { DetectionResult } from '../src/faces/evaluation/evaluateDetection.ts';
import type { IdentificationResult } from '../src/faces/evaluation/evaluateIdentification.ts';
import type { VerificationResult } from '../src/faces/evaluation/evaluateVerification.ts';
import { readPhotograph } from '../src/faces/folder/photographs.ts';

const ROOT = resolve(import.meta.dirname, '..');
const FOUR_WOMEN = join(ROOT, 'node_modules/@vladmandic/face-api/demo/sample6.jpg');
const DLIB = resolve(ROOT, '../shared/data/dlib-faces');
// Three of the four, with what is around them.
const PEOPLE: Record<string, Rectangle> = {
  Ann: [150, 380, 420, 500],
  Bea: [1070, 220, 380, 450],
  Cleo: [570, 240, 400, 500],
};
const MIN_FACE = ['--min-face', '60'];
const weights = hasWeights('mtcnn') && hasWeights('facenet-vggface2');

let folder: string;
let people: string;
let pairs: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'facegraph-eval-'));
  people = join(folder, 'people');
  const photograph = await readPhotograph(FOUR_WOMEN);
  const save = (name: string, number: number, image: Image) => {
    mkdirSync(join(people, name), { recursive: true });
    writeFileSync(join(people, name, `${name}_000${number}.jpg`), encodeJpeg(image));
  };
  for (const [name, place] of Object.entries(PEOPLE)) {
    const face = crop(photograph, place);
    save(name, 1, face);
    save(name, 2, resize(face, Math.round(face.width * 0.7), Math.round(face.height * 0.7)));
  }
  // Nobody is to be seen on Cleo's second picture.
  save('Cleo', 2, blank(100, 100, [128, 128, 128]));
  pairs = join(folder, 'pairs.txt');
  writeFileSync(
    pairs,
    '3\nAnn\t1\t2\nBea\t1\t2\nCleo\t1\t2\nAnn\t1\tBea\t1\nAnn\t2\tCleo\t1\nBea\t2\tCleo\t1\n',
  );
  writeFileSync(join(folder, 'empty.csv'), '');
  writeFileSync(join(folder, 'broken.xml'), '<dataset><images>');
  writeFileSync(join(folder, 'elsewhere.csv'), 'image,x,y,width,height\nabsent.jpg,1,2,3,4\n');
  writeFileSync(join(folder, 'bad.txt'), '1\nAnn\t1\t2\nAnn\t1\tBea\n');
  writeFileSync(join(folder, 'more.txt'), '1\nAnn\t1\t3\nAnn\t1\tBea\t1\n');
  // An empty cache of evaluations over the weights that are there.
  mkdirSync(join(folder, 'cache'));
  symlinkSync(join(cacheDir(), 'weights'), join(folder, 'cache/weights'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('eval refuses in one line', () => {
  it.each([
    ['no pairs', ['verification', '--images', 'x'], 2, /--pairs/],
    ['no boxes', ['detection', '--images', 'x'], 2, /--boxes/],
    ['a seed that is none', ['identification', '--images', 'x', '--seed', '-1'], 2, /from 0 to/],
  ])('%s', async (_, args, exit, reason) => refused(args, exit, reason));

  it('a folder that is none, a report that could not be written', async () => {
    await refused(verification('--images', join(folder, 'absent')), 1, /no such folder/);
    await refused(verification('--html', join(folder, 'absent/x.html')), 1, /cannot be written/);
  });

  it('a pairs file with a line that is wrong, or that is missing', async () => {
    await refused(verification('--pairs', join(folder, 'bad.txt')), 1, /line 3: expected/);
    await refused(verification('--pairs', join(folder, 'no.txt')), 1, /cannot be read/);
  });

  it('boxes that are empty, broken', async () => {
    await refused(detection('empty.csv'), 1, /no column/);
    await refused(detection('broken.xml'), 1, /no XML/);
  });

  it.runIf(weights)('images that are not there', async () => {
    await refused(verification('--pairs', join(folder, 'more.txt')), 1, /first is Ann_0003/);
    await refused(detection('elsewhere.csv'), 1, /absent\.jpg, .* is not there/);
  });
});

describe.runIf(weights)('eval verification', () => {
  it('goes on where it was interrupted, and gives the figures', async () => {
    const interrupted = start(verification('--json'));
    while (entries() < 3) await sleep(50);
    interrupted.child.kill('SIGINT');
    expect((await interrupted.done).stdout).toBe('');

    const html = join(folder, 'verification.html');
    const { stdout, code } = await start(verification('--json', '--html', html)).done;
    const { figures, failures, dataset, speed, about } = JSON.parse(stdout) as VerificationResult;
    expect(code).toBe(0);
    expect(about).toMatchObject({ model: 'facenet-vggface2', adapter: expect.stringMatching(/./) });
    expect(dataset).toEqual({
      images: 6,
      people: 3,
      genuinePairs: 3,
      impostorPairs: 3,
      folds: 3,
      foldsGiven: false,
    });
    expect(failures).toEqual({
      withoutFace: [join(people, 'Cleo/Cleo_0002.jpg')],
      unreadable: [],
      genuinePairs: 1,
      impostorPairs: 0,
    });
    expect(speed.images).toBeLessThan(6);
    // Two genuine pairs win over three impostors, the one without a face over none.
    expect(figures.areaUnderCurve.value).toBeCloseTo(2 / 3);
    expect(figures.atModelThreshold).toEqual({
      threshold: 0.4,
      fmr: 0,
      fnmr: expect.closeTo(1 / 3),
    });
    const report = readFileSync(html, 'utf8');
    expect(report).toContain('failures to detect');
    // Both pictures of six pairs.
    expect(report.match(/<img /g)).toHaveLength(12);
    expect(report.match(/<svg /g)).toHaveLength(3);
  }, 120_000);

  it('is a table for people, without computing anything again', async () => {
    const { stdout, code } = await start(verification()).done;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}area under ROC +66\.67 %/m);
    expect(stdout).toMatch(/^ {2}TAR at FAR 1 % +needs 300 impostor pairs, there are 3$/m);
    expect(stdout).toMatch(/^ {2}images per second +not measured/m);
  });
});

describe.runIf(weights)('eval identification', () => {
  it('enrols by seed and finds the one who is enrolled', async () => {
    const html = join(folder, 'identification.html');
    const args = ['identification', '--images', people, '--seed', '2', '--json', '--html', html];
    const { stdout } = await start([...args, ...MIN_FACE]).done;
    const { dataset, figures } = JSON.parse(stdout) as IdentificationResult;
    expect(dataset).toEqual({
      images: 6,
      seed: 2,
      enrolledPeople: 1,
      galleryImages: 1,
      enrolledProbes: 1,
      strangers: 2,
      strangerProbes: 4,
    });
    expect(figures.rank1).toEqual({ value: 1, interval: [1, 1] });
    expect(figures.tpirAtFpir).toEqual([
      { fpir: 0.01, point: null },
      { fpir: 0.1, point: null },
    ]);
    expect(readFileSync(html, 'utf8').match(/<svg /g)).toHaveLength(3);
  });
});

describe.runIf(weights)('eval detection', () => {
  it('counts what is found, missed and found for nothing', async () => {
    const boxes = [
      'image,x,y,width,height',
      'sample6.jpg,254,490,215,279',
      'sample6.jpg,1171,314,194,266',
      'sample6.jpg,1483,252,208,301',
      'sample6.jpg,671,327,199,309',
      // Nobody is there.
      'sample6.jpg,10,10,30,30',
    ];
    writeFileSync(join(folder, 'boxes.csv'), boxes.join('\n'));
    const html = join(folder, 'detection.html');
    const { stdout } = await start([
      ...['detection', '--images', resolve(FOUR_WOMEN, '..'), '--boxes', join(folder, 'boxes.csv')],
      ...['--no-faces', join(people, 'Cleo'), '--json', '--html', html, ...MIN_FACE],
    ]).done;
    const { figures, dataset } = JSON.parse(stdout) as DetectionResult;
    expect(dataset).toEqual({ images: 1, faces: 5, imagesWithoutFaces: 2 });
    expect(figures.averagePrecision.value).toBeCloseTo(4 / 5);
    expect(figures.precision.value).toBe(1);
    expect(
      figures.recallBySize.map(({ min, faces, recall }) => [min, faces, recall.value]),
    ).toEqual([
      [20, 1, 0],
      [160, 4, 1],
    ]);
    // Cleo is a face after all, and her grey picture is none.
    expect(figures.falsePositivesPerImage!.value).toBe(0.5);
    expect(readFileSync(html, 'utf8')).toContain('4 right, 0 wrong, 1 missed');
  }, 60_000);

  it.runIf(existsSync(DLIB))(
    'reads the XML of dlib',
    async () => {
      const files = ['training.xml', 'testing.xml'].map((file) => join(DLIB, file));
      const { stdout } = await start(['detection', '--images', DLIB, '--boxes', ...files, '--json'])
        .done;
      const { figures, dataset } = JSON.parse(stdout) as DetectionResult;
      expect(dataset).toEqual({ images: 9, faces: 43, imagesWithoutFaces: null });
      expect(figures.falsePositivesPerImage).toBeNull();
      expect(figures.recall.value).toBeGreaterThan(0.9);
    },
    120_000,
  );
});

function verification(...more: string[]): string[] {
  return ['verification', '--images', people, '--pairs', pairs, ...MIN_FACE, ...more];
}

function detection(boxes: string): string[] {
  return ['detection', '--images', people, '--boxes', join(folder, boxes)];
}

async function refused(args: readonly string[], exit: number, reason: RegExp): Promise<void> {
  const { code, stdout, stderr } = await start(args).done;
  expect(stderr).toMatch(reason);
  expect([code, stdout, stderr.trim().split('\n').length]).toEqual([exit, '', 1]);
}

/** Files of the evaluation cache. */
function entries(): number {
  const all = readdirSync(join(folder, 'cache'), { recursive: true, encoding: 'utf8' });
  return all.filter((path) => /evaluation.[0-9a-f]{24}...+[0-9a-f]{64}$/.test(path)).length;
}

function start(args: readonly string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/facegraph.mjs'), 'eval', ...args], {
    env: { ...process.env, FACEGRAPH_CACHE: join(folder, 'cache'), FACEGRAPH_DEBUG: '' },
  });
  const result = { code: null as number | null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    result.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    result.stderr += text;
  });
  const done = new Promise<typeof result>((settle, fail) => {
    child.on('error', fail);
    // Dawn itself says on stderr what it thinks of a software adapter.
    child.on('close', (code) =>
      settle({ ...result, code, stderr: result.stderr.replace(/^Warning: max.*\n/gm, '') }),
    );
  });
  return { child, done };
}
