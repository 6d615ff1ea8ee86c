import { spawn } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openMaskedFolder } from '../src/cli/maskedFolder.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { blank } from '../src/engine/image/draw.ts';
import { encodePng } from '../src/engine/image/encode.ts';
import { hasWeights } from '../src/engine/weights/load.ts';
import { pixel } from './support/pixels.ts';

const ROOT = resolve(import.meta.dirname, '..');
const WOMEN = join(ROOT, 'node_modules/@vladmandic/face-api/demo/sample6.jpg');
const ARGS = ['--min-face', '100'];

const Line = z.strictObject({
  source: z.string(),
  output: z.string().nullable(),
  run: z.strictObject({
    kind: z.string(),
    coverage: z.string(),
    colour: z.string().nullable(),
    seed: z.number(),
  }),
  faces: z.array(
    z.strictObject({
      box: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      kind: z.enum(['surgical', 'n95', 'cloth', 'round']),
      coverage: z.enum(['high', 'medium', 'low']),
      colour: z.string().regex(/^#[\da-f]{6}$/),
      seed: z.int(),
    }),
  ),
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'facegraph-mask-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await closeDecoder();
});

describe('facegraph mask', () => {
  it.each([
    [['mask', WOMEN], /--out/],
    [['mask', WOMEN, '--out', 'x', '--kind', 'scarf'], /surgical, n95, cloth, round, random/],
    [['mask', WOMEN, '--out', 'x', '--colour', 'blue'], /#rrggbb/],
    [['mask', WOMEN, '--out', 'x', '--seed', '1.5'], /whole number/],
  ])('refuses %j as wrong usage', async (args, reason) => {
    const { code, stdout, stderr } = await facegraph(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(reason);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.runIf(hasWeights('mtcnn'))(
    'masks a folder, keeps its structure, and goes on where it was interrupted',
    async () => {
      const source = join(folder, 'photographs');
      mkdirSync(join(source, 'ann'), { recursive: true });
      copyFileSync(WOMEN, join(source, 'ann', 'women.jpg'));
      writeFileSync(join(source, 'nobody.png'), encodePng(blank(160, 120, [90, 120, 150])));
      writeFileSync(join(source, 'broken.jpg'), 'no image');
      const out = join(source, 'masked');
      const random = ['--kind', 'random', '--colour', 'random', '--seed', '3'];
      const run = () => facegraph(['mask', source, '--out', out, ...random, ...ARGS, '--json']);

      const first = await run();
      expect(first.code).toBe(1);
      expect(first.stderr).toMatch(/broken\.jpg: UnsupportedImage/);
      expect(first.stderr).toMatch(/one image without a face, not written/);
      const manifest = join(out, 'manifest.jsonl');
      const lines = linesOf(manifest);
      expect(lines.map(({ output }) => output)).toEqual([join('ann', 'women.jpg'), null]);
      expect(lines[0].faces).toHaveLength(4);
      expect(readdirSync(out).sort()).toEqual(['ann', 'manifest.jsonl']);
      await expectMasked(join(out, 'ann', 'women.jpg'), lines[0].faces);

      // As if it had been killed while it wrote its last line: nothing is done twice or lost.
      const text = readFileSync(manifest, 'utf8');
      const written = statSync(join(out, 'ann', 'women.jpg')).mtimeMs;
      const [one, two] = text.trimEnd().split('\n');
      writeFileSync(manifest, two);
      appendFileSync(manifest, `\n${one.slice(0, 40)}`);
      const second = await run();
      expect(second.stderr).toMatch(/one image of an earlier run passed over/);
      expect(new Set(linesOf(manifest).map((line) => JSON.stringify(line)))).toEqual(
        new Set(lines.map((line) => JSON.stringify(line))),
      );
      expect(statSync(join(out, 'ann', 'women.jpg')).mtimeMs).toBe(written);

      const other = await facegraph(['mask', source, '--out', out, ...ARGS]);
      expect([other.code, other.stdout]).toEqual([1, '']);
      expect(other.stderr).toMatch(
        /other settings \(kind random, .*seed 3\): choose another folder/,
      );
    },
    300_000,
  );

  it('refuses sources that would become one file', async () => {
    for (const name of ['a', 'b']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'x.jpg'), 'anything');
    }
    const out = join(folder, 'both');
    const { code, stderr } = await facegraph([
      'mask',
      join(folder, 'a'),
      join(folder, 'b'),
      '--out',
      out,
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/would both become .*x\.jpg: use a folder for each/);
    expect(existsSync(out)).toBe(false);
  });
});

describe('a folder of masked pictures', () => {
  const run = { kind: 'round', coverage: 'low', colour: null, seed: 1 };
  const picture = { source: 'a.jpg', output: 'a.jpg', faces: [] };

  it('overwrites no other picture, and takes its own for done', async () => {
    const directory = join(folder, 'kept');
    mkdirSync(directory);
    writeFileSync(join(directory, 'a.jpg'), 'another');
    const opened = await openMaskedFolder(directory, run);
    await expect(opened.put(picture, Buffer.from('masked'))).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('exists already'),
    });
    expect(readFileSync(join(directory, 'a.jpg'), 'utf8')).toBe('another');
    expect(linesOf(join(directory, 'manifest.jsonl'))).toEqual([]);
    await opened.put(picture, Buffer.from('another'));
    await opened.close();
    const again = await openMaskedFolder(directory, run);
    await again.close();
    expect([...again.done]).toEqual(['a.jpg']);
  });

  it('does not touch a manifest that it does not understand', async () => {
    const directory = join(folder, 'foreign');
    mkdirSync(directory);
    writeFileSync(join(directory, 'manifest.jsonl'), '{"my":"own"}\n');
    await expect(openMaskedFolder(directory, run)).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(readFileSync(join(directory, 'manifest.jsonl'), 'utf8')).toBe('{"my":"own"}\n');
  });
});

async function expectMasked(path: string, faces: z.infer<typeof Line>['faces']): Promise<void> {
  const [before, after] = await Promise.all(
    [WOMEN, path].map(async (file) => decodeImage(readFileSync(file))),
  );
  for (const { box, colour } of faces) {
    const [x, y] = [box[0] + Math.round(box[2] / 2), box[1] + Math.round(box[3] * 0.75)];
    const change = pixel(after, x, y).map((v, i) => Math.abs(v - pixel(before, x, y)[i]));
    expect(Math.max(...change), `${colour} at ${x},${y}`).toBeGreaterThan(15);
    const eyes = [box[0] + Math.round(box[2] / 2), box[1] + Math.round(box[3] * 0.15)] as const;
    const same = pixel(after, ...eyes).map((v, i) => Math.abs(v - pixel(before, ...eyes)[i]));
    expect(Math.max(...same)).toBeLessThan(12);
  }
}

function linesOf(path: string): z.infer<typeof Line>[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => Line.parse(JSON.parse(line)));
}

function facegraph(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(ROOT, 'scripts/facegraph.mjs'), ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', fail);
    child.on('close', (code) =>
      done({ code, stdout, stderr: stderr.replace(/^Warning: max.*\n/gm, '') }),
    );
  });
}
