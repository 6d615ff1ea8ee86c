import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cacheDir } from '../src/engine/weights/cache.ts';
import { labels } from '../src/engine/weights/labels.ts';
import { hasWeights, loadWeights } from '../src/engine/weights/load.ts';
import {
  DEFAULT_MODELS,
  manifest,
  manifests,
  parseManifest,
} from '../src/engine/weights/manifest.ts';
import {
  parseSafetensors,
  readSafetensors,
  writeSafetensors,
} from '../src/engine/weights/safetensors.ts';
import type { Tensors } from '../src/engine/weights/tensor.ts';

test('every model has a manifest; the defaults come from npm and are pinned', () => {
  expect(manifests().map(({ name }) => name)).toEqual([
    'mtcnn',
    'facenet-vggface2',
    'resnet50-imagenet',
    'resnet50-vggface2',
    'senet50-vggface2',
  ]);
  for (const name of DEFAULT_MODELS) {
    const [{ files, sources }] = manifest(name).artifacts;
    expect(files.every(({ sha256 }) => sha256 !== undefined)).toBe(true);
    expect(sources.map(({ kind }) => kind)).toContain('npm');
  }
});

test('an unknown model is refused with the names there are', () => {
  expect(() => manifest('facenet')).toThrow(/facenet; there are: mtcnn, facenet-vggface2/);
});

test('a manifest with a field that is wrong or unknown is refused by its name', () => {
  const genuine = manifest('mtcnn');
  const parse = (change: object) => () => parseManifest(JSON.stringify({ ...genuine, ...change }));
  expect(parse({})()).toEqual(genuine);
  expect(parse({ network: 'yolo' })).toThrow('network');
  expect(parse({ treshold: 0.4 })).toThrow('treshold');
});

test('operating points claim no more than their pairs say, and the threshold is one of them', () => {
  const genuine = manifest('facenet-vggface2');
  const points = genuine.operatingPoints!;
  expect(points.map(({ fmr }) => fmr)).toEqual([1e-4, 1e-3, 1e-2, 1e-1]);
  const parse = (operatingPoints: unknown, more: object = {}) =>
    parseManifest(JSON.stringify({ ...genuine, operatingPoints, ...more }));
  expect(parse(points)).toEqual(genuine);
  expect(parse([{ ...points[0], pairs: 30_000 }, ...points.slice(1)])).toBeDefined();
  expect(() => parse([{ ...points[0], pairs: 29_999 }, ...points.slice(1)])).toThrow('say nothing');
  expect(() => parse(points.toReversed())).toThrow('not ascending');
  expect(() => parse(points.with(2, { ...points[2], threshold: 0.45 }))).toThrow('not ascending');
  expect(() => parse(points, { threshold: 0.4 })).toThrow('not that of 0.001');
  expect(() => parse(points.toSpliced(1, 1))).toThrow('not that of 0.001');
});

test('the 8631 names are in class order', async () => {
  const names = await labels('senet50-vggface2');
  expect(names.length).toBe(8631);
  expect(new Set(names).size).toBeGreaterThan(8600);
  expect([names[0], names[1]]).toEqual(['A_Fine_Frenzy', 'A._A._Gill']);
  await expect(labels('mtcnn')).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('the cache follows FACEGRAPH_CACHE, then XDG_CACHE_HOME, then the home folder', async () => {
  const saved = { ...process.env };
  try {
    process.env.FACEGRAPH_CACHE = '/a';
    process.env.XDG_CACHE_HOME = '/b';
    expect(cacheDir()).toBe('/a');
    delete process.env.FACEGRAPH_CACHE;
    expect(cacheDir()).toBe(join('/b', 'facegraph'));
    delete process.env.XDG_CACHE_HOME;
    process.env.HOME = process.env.USERPROFILE = '/home/me';
    expect(cacheDir()).toBe(join('/home/me', '.cache', 'facegraph'));
  } finally {
    process.env = saved;
  }
});

test('a model that is not here is refused with the command that gets it', async () => {
  const saved = process.env.FACEGRAPH_CACHE;
  process.env.FACEGRAPH_CACHE = join(tmpdir(), 'facegraph-nothing-here');
  try {
    expect(hasWeights('facenet-vggface2')).toBe(false);
    await expect(loadWeights('facenet-vggface2')).rejects.toMatchObject({
      code: 'ModelUnavailable',
      message: expect.stringContaining('weights pull facenet-vggface2'),
    });
  } finally {
    if (saved === undefined) delete process.env.FACEGRAPH_CACHE;
    else process.env.FACEGRAPH_CACHE = saved;
  }
});

const arbitraryTensors = fc
  .uniqueArray(
    fc.tuple(
      fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      fc.array(fc.nat(4), { maxLength: 4 }),
    ),
    { selector: ([name]) => name, maxLength: 5 },
  )
  .chain((list) =>
    fc.tuple(
      ...list.map(([name, shape]) => {
        const length = shape.reduce((n, d) => n * d, 1);
        return fc
          .float32Array({ minLength: length, maxLength: length })
          .map((data) => [name, { shape, data: new Float32Array(data) }] as const);
      }),
    ),
  )
  .map((entries): Tensors => new Map(entries));

test('safetensors: whatever is written is read, from any alignment', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'facegraph-safetensors-'));
  const path = join(directory, 'x.safetensors');
  await fc.assert(
    fc.asyncProperty(arbitraryTensors, fc.nat(7), async (tensors, shift) => {
      await writeSafetensors(path, tensors);
      expect(await readSafetensors(path)).toEqual(tensors);
      const bytes = await readFile(path);
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      expect(parseSafetensors(moved)).toEqual(tensors);
    }),
    {
      numRuns: 50,
      examples: [[new Map([['__proto__', { shape: [1], data: Float32Array.of(1) }]]), 1]],
    },
  );
  await rm(directory, { recursive: true });
});

test('safetensors: a cut file is refused at every length', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'facegraph-safetensors-'));
  const path = join(directory, 'x.safetensors');
  await writeSafetensors(path, new Map([['a', { shape: [2], data: Float32Array.of(1, 2) }]]));
  const bytes = await readFile(path);
  for (let length = 0; length < bytes.length; length++)
    expect(() => parseSafetensors(bytes.subarray(0, length))).toThrow('safetensors');
  await rm(directory, { recursive: true });
});
