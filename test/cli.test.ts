import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hasWeights } from '../src/engine/weights/load.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SAMPLES = join(ROOT, 'node_modules/@vladmandic/face-api/demo');
const FOUR_WOMEN = join(SAMPLES, 'sample6.jpg');
// Their faces are some 200 pixels wide; not looking for small ones saves most of the time.
const LARGE = ['--min-face', '100'];
const SEED = resolve(ROOT, '../shared/data/seed');

const box = z.tuple([z.int(), z.int(), z.int().positive(), z.int().positive()]);
const point = z.tuple([z.number(), z.number()]);
const landmarks = z.strictObject({
  leftEye: point,
  rightEye: point,
  nose: point,
  mouthLeft: point,
  mouthRight: point,
});
const confidence = z.number().min(0).max(1);
const Detection = z.array(
  z.strictObject({
    image: z.string(),
    width: z.int(),
    height: z.int(),
    faces: z.array(z.strictObject({ box, confidence, landmarks })),
    error: z.string().optional(),
  }),
);
const Embedding = z.array(
  z.strictObject({
    image: z.string(),
    faces: z.array(z.strictObject({ box, embedding: z.array(z.number()) })),
  }),
);
const distance = z.number().min(0).max(2);
const Verification = z.strictObject({
  model: z.string(),
  threshold: z.number(),
  pairs: z.array(z.strictObject({ a: box, b: box, distance, match: z.boolean() })),
});
const candidate = z.strictObject({ identity: z.string(), image: z.string(), distance });
const Identification = z.array(
  z.strictObject({
    image: z.string(),
    faces: z.array(
      z.strictObject({ box, candidates: z.array(candidate), match: z.string().nullable() }),
    ),
  }),
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'facegraph-cli-'));
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'broken.jpg'), 'this is not a photograph');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('wrong usage ends with exit code 2 and one line', () => {
  it.each([
    ['an unknown verb', ['recognise'], /unknown command 'recognise'/],
    ['an unknown option', ['detect', 'a.jpg', '--colour'], /unknown option '--colour'/],
    ['a missing argument', ['verify', 'a.jpg'], /missing required argument 'b'/],
    ['a missing --known', ['identify', 'a.jpg'], /--known/],
    ['a threshold that is no number', ['verify', 'a', 'b', '--threshold', 'x'], /from 0 to 2/],
    ['a threshold out of range', ['verify', 'a', 'b', '--threshold', '3'], /from 0 to 2/],
    ['half a candidate', ['identify', 'a', '--known', 'b', '--top', '1.5'], /whole number/],
    ['two stages of three', ['detect', 'a', '--stages', '.6,.7'], /three numbers/],
    ['an empty number', ['detect', 'a', '--min-face', ''], /from 12/],
    ['a kernel that is none', ['profile', '--kernel', 'c=a'], /one of candidates, conv, /],
    ['half a size', ['profile', '--size', '640'], /as 640x480/],
  ])('%s', async (_, args, reason) => {
    const { code, stdout, stderr } = await facegraph(args);
    expect(stderr).toMatch(reason);
    expect(lines(stderr)).toHaveLength(1);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('no verb at all shows the help', async () => {
    const { code, stdout, stderr } = await facegraph([]);
    expect(stderr).toMatch(/Usage: facegraph/);
    expect([code, stdout]).toEqual([2, '']);
  });
});

describe('without a photograph', () => {
  it('--help names every verb', async () => {
    const { code, stdout } = await facegraph(['--help']);
    expect(code).toBe(0);
    for (const verb of 'detect embed verify identify classify doctor weights profile serve'.split(
      ' ',
    ))
      expect(stdout).toMatch(new RegExp(`^ {2}${verb} `, 'm'));
  });

  it('a reader that closes the pipe is no failure', async () => {
    const { code, stderr } = await facegraph(['--help'], { closePipe: true });
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each([
    ['missing.jpg', /missing\.jpg: no such file/],
    ['broken.jpg', /broken\.jpg: /],
    ['empty', /empty: a folder/],
  ])('verify refuses %s in one line, without a stack', async (name, reason) => {
    const { code, stdout, stderr } = await facegraph(
      ['verify', FOUR_WOMEN, join(folder, name), '--json'],
      { env: { FACEGRAPH_DEBUG: '' } },
    );
    expect(stderr).toMatch(reason);
    expect(lines(stderr)).toHaveLength(1);
    expect([code, stdout]).toEqual([1, '']);
  });

  it.each([
    ['missing', /no such folder/],
    ['empty', /no images in/],
  ])('identify refuses a known folder that is %s', async (name, reason) => {
    const args = ['identify', FOUR_WOMEN, '--known', join(folder, name), '--json'];
    const { code, stdout, stderr } = await facegraph(args);
    expect(stderr).toMatch(reason);
    expect(lines(stderr)).toHaveLength(1);
    expect([code, stdout]).toEqual([1, '']);
  });

  it('refuses a model without weights and says how to get them', async () => {
    const env = { FACEGRAPH_CACHE: join(folder, 'cache') };
    const { code, stdout, stderr } = await facegraph(['embed', FOUR_WOMEN, '--json'], { env });
    expect(stderr).toMatch(/^facegraph: ModelUnavailable: .*weights pull/);
    expect(lines(stderr)).toHaveLength(1);
    expect([code, stdout]).toEqual([1, '']);
  });

  it('refuses an unknown model and names those it knows', async () => {
    const args = ['embed', FOUR_WOMEN, '--model', 'facenet-vggface3'];
    const { code, stderr } = await facegraph(args);
    expect(stderr).toMatch(/InvalidInput: .*facenet-vggface2/);
    expect(code).toBe(1);
  });
});

const weights = hasWeights('mtcnn') && hasWeights('facenet-vggface2');

// A software adapter shared with other work needs many seconds for one photograph.
const PATIENCE = { timeout: 600_000 };

describe.skipIf(!weights)('on real photographs (needs `weights pull`)', PATIENCE, () => {
  it('detect goes on after a bad file, reports it and ends with exit code 1', async () => {
    const broken = join(folder, 'broken.jpg');
    const { code, stdout, stderr } = await facegraph(['detect', broken, FOUR_WOMEN, '--json']);
    const [first, second] = Detection.parse(JSON.parse(stdout));
    expect(first).toMatchObject({
      image: broken,
      faces: [],
      error: expect.stringMatching(/^Unsup/),
    });
    expect(second).toMatchObject({ image: FOUR_WOMEN, width: 1920, height: 1537 });
    expect(second.faces).toHaveLength(4);
    expect(stderr).toMatch(/broken\.jpg: UnsupportedImage/);
    expect(code).toBe(1);
  });

  it('detect takes the parameters of detection', async () => {
    const args = ['detect', FOUR_WOMEN, '--json', '--min-face', '600'];
    const [{ faces }] = Detection.parse(JSON.parse((await facegraph(args)).stdout));
    expect(faces).toEqual([]);
  });

  it('prints a table without --json', async () => {
    const { code, stdout } = await facegraph(['detect', FOUR_WOMEN]);
    expect(code).toBe(0);
    expect(lines(stdout)[0]).toBe(`${FOUR_WOMEN}  1920×1537, 4 faces`);
    expect(lines(stdout).slice(1)).toHaveLength(4);
    for (const line of lines(stdout).slice(1))
      expect(line).toMatch(/^ {2}\d {2}\d+,\d+ \d+×\d+ +confidence 0\.\d{4}$|confidence 1\.0000$/);
  });

  it('embed gives one vector of unit length per face', async () => {
    const { stdout } = await facegraph(['embed', FOUR_WOMEN, '--json', ...LARGE]);
    const [{ faces }] = Embedding.parse(JSON.parse(stdout));
    expect(faces).toHaveLength(4);
    for (const { embedding } of faces) {
      expect(embedding).toHaveLength(512);
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 4);
    }
  });

  it('verify matches each of four women with herself only', async () => {
    const { code, stdout } = await facegraph([
      'verify',
      FOUR_WOMEN,
      FOUR_WOMEN,
      '--json',
      ...LARGE,
    ]);
    const { model, pairs } = Verification.parse(JSON.parse(stdout));
    expect([code, model, pairs.length]).toEqual([0, 'facenet-vggface2', 16]);
    for (const { a, b, match } of pairs) expect(match).toBe(a.join() === b.join());
  });

  it('verify takes the threshold of the call', async () => {
    const args = ['verify', FOUR_WOMEN, FOUR_WOMEN, '--json', '--threshold', '2', ...LARGE];
    const { threshold, pairs } = Verification.parse(JSON.parse((await facegraph(args)).stdout));
    expect([threshold, pairs.every(({ match }) => match)]).toEqual([2, true]);
  });

  it('profile finds what is wrong with a kernel of one’s own, and compares', async () => {
    const [trace, page, own, a, b] = [
      'trace.json',
      'page.html',
      'own.wgsl',
      'a.json',
      'b.json',
    ].map((name) => join(folder, name));
    const args = ['profile', '--model', 'mtcnn', '--size', '40x32', '--runs', '2', '--json'];
    const right = await facegraph([...args, '--trace', trace, '--html', page]);
    expect(right.code).toBe(0);
    expect(JSON.parse(right.stdout)).toMatchObject({ model: 'mtcnn', image: [40, 32], runs: 2 });
    expect(JSON.parse(readFileSync(trace, 'utf8')).traceEvents.length).toBeGreaterThan(20);
    expect(readFileSync(page, 'utf8')).toContain('Roofline');

    const pool = readFileSync(join(ROOT, 'src/kernels/pool.wgsl'), 'utf8');
    writeFileSync(own, pool.replace('best = max(best, v)', 'best = v'));
    const wrong = await facegraph([...args, '--kernel', `pool=${own}`]);
    expect(wrong.stderr).toMatch(/steps? differ from the reference, first pnet .*\(pool\)/);
    expect(wrong.code).toBe(1);

    writeFileSync(a, right.stdout);
    writeFileSync(b, wrong.stdout);
    const compared = await facegraph(['profile', '--compare', a, b, '--json']);
    const lost = JSON.parse(compared.stdout).lessExact.map((c: { kernel?: string }) => c.kernel);
    expect(lost).toContain('pool');
    expect(lost).not.toContain('conv');
    expect(compared.code).toBe(1);

    writeFileSync(own, pool.replace('let m = item / s.c4;', 'let m = item / s.c5;'));
    const line = pool.split('\n').findIndex((text) => text.includes('let m = item')) + 1;
    const broken = await facegraph([...args, '--kernel', `pool=${own}`]);
    expect(broken.stderr).toContain(`InvalidInput: ${own}:${line}:`);
    expect(lines(broken.stderr)).toHaveLength(1);
    expect(broken.code).toBe(1);
  });

  it('identify finds each woman by the crop that detect made of her', async () => {
    const out = join(folder, 'out');
    const known = join(folder, 'known');
    await facegraph(['detect', FOUR_WOMEN, '--out', out, ...LARGE]);
    expect(readdirSync(out).sort()).toEqual(
      ['face1', 'face2', 'face3', 'face4', 'faces'].map((name) => `sample6-${name}.jpg`),
    );
    mkdirSync(known);
    for (const n of [1, 2, 3])
      copyFileSync(join(out, `sample6-face${n}.jpg`), join(known, `Woman_${n} (1).jpg`));
    // Two of them look alike: 0.473, and a little less after the second detection.
    const like = ['--threshold', '0.4', '--top', '2'];
    const args = ['identify', FOUR_WOMEN, '--known', known, '--json', ...like, ...LARGE];
    const { code, stdout } = await facegraph([...args, '--out', join(folder, 'pairs')]);
    expect(code).toBe(0);
    const [{ faces }] = Identification.parse(JSON.parse(stdout));
    expect(faces.map(({ match }) => match)).toEqual(['Woman_1', 'Woman_2', 'Woman_3', null]);
    expect(faces.map(({ candidates }) => candidates.length)).toEqual([2, 2, 2, 2]);
    expect(readdirSync(join(folder, 'pairs'))).toContain('sample6-face1-Woman_1.jpg');
  });
});

describe.skipIf(!weights || !existsSync(SEED))(
  'on the photographs of ../shared (when there)',
  () => {
    it('identify names everybody whom the database knows and nobody else', async () => {
      const expected: Record<string, string[]> = {
        '00BidenObama1-superJumbo.jpg': ['Joe_Biden', 'Obama'],
        'httpcdnlyricssongonlyricsnetwpcontentuploadsEltonJohnDiscographyCDreleasesjpg.jpg': [
          'EltonJohn',
        ],
        'httpcsvkmeuaeccjpg.jpg': ['ben_affleck'],
        'httpssmediacacheakpinimgcomxccccdabeaadjpg.jpg': ['Mindy_Kaling'],
        'Damon_cropped.jpg': [],
        'Michael_B._Jordan.jpg': [],
        'Oprah_Winfrey2.jpg': [],
      };
      const probes = Object.keys(expected).map((name) => join(SEED, 'image', name));
      const args = ['identify', ...probes, '--known', join(SEED, 'database'), '--json'];
      const { stdout } = await facegraph(args);
      const named = Identification.parse(JSON.parse(stdout)).map(({ image, faces }) => [
        basename(image),
        faces.flatMap(({ match }) => match ?? []).sort(),
      ]);
      expect(Object.fromEntries(named)).toEqual(expected);
    });
  },
);

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

function facegraph(
  args: readonly string[],
  options: { env?: Record<string, string>; closePipe?: boolean } = {},
): Promise<Result> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(ROOT, 'scripts/facegraph.mjs'), ...args], {
      env: { ...process.env, ...options.env },
    });
    const result: Result = { code: null, stdout: '', stderr: '' };
    if (options.closePipe) child.stdout.destroy();
    else child.stdout.setEncoding('utf8').on('data', (text) => (result.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (result.stderr += text));
    child.on('error', fail);
    // Dawn itself says on stderr what it thinks of a software adapter.
    const ours = (stderr: string): string => stderr.replace(/^Warning: max.*\n/gm, '');
    child.on('close', (code) => done({ ...result, stderr: ours(result.stderr), code }));
  });
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
