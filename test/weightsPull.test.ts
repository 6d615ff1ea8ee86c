import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { weightsPath, workDir } from '../src/engine/weights/cache.ts';
import { importWeights } from '../src/engine/weights/importers.ts';
import { loadModel } from '../src/engine/weights/load.ts';
import type { Manifest } from '../src/engine/weights/manifest.ts';
import type { Progress } from '../src/engine/weights/progress.ts';
import { lockPath, pullModel } from '../src/engine/weights/pull.ts';
import { isCurrent } from '../src/engine/weights/record.ts';
import { verifyModel } from '../src/engine/weights/verify.ts';
import { manifestOf, mtcnnShard, type Shard, writeShard } from './support/mtcnnShard.ts';
import { type Registry, startRegistry } from './support/registry.ts';

// A whole MTCNN of random values, from a registry on this machine through the real npm.
const NAME = 'mtcnn-test';

let registry: Registry;
let cache: string;
let shard: Shard;
let model: Manifest;

beforeAll(async () => {
  shard = mtcnnShard(1);
  registry = await startRegistry({
    'app/weights/mtcnn_model-weights_manifest.json': shard.json,
    'app/weights/mtcnn_model-shard1': shard.shard,
    'app/weights/another-model-shard1': Buffer.alloc(100_000, 7),
  });
  model = manifestOf(shard, NAME, registry.package);
});
afterAll(() => registry.close());

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'facegraph-cache-'));
  vi.stubEnv('FACEGRAPH_CACHE', cache);
  for (const [name, value] of Object.entries(registry.environment)) vi.stubEnv(name, value);
  registry.seen.length = 0;
  registry.behaviours = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, maxRetries: 3 });
});

test('pull downloads, converts, and leaves nothing but the weights', async () => {
  const steps: Progress[] = [];
  const record = await pullModel(model, { onProgress: (step) => steps.push(step) });
  expect(record.source).toBe(`npm:${registry.package}`);
  expect((await verifyModel(model)).state).toBe('sound');
  expect(existsSync(workDir(NAME))).toBe(false);
  expect(new Set(steps.map(({ step }) => step))).toEqual(
    new Set(['download', 'extract', 'convert']),
  );
  const downloads = steps.filter(({ step }) => step === 'download');
  expect(downloads.at(-1)).toMatchObject({
    bytes: registry.tarball.length,
    total: registry.tarball.length,
  });

  const paths = await writeShard(cache, shard);
  const { tensors } = await importWeights('mtcnn-tfjs', 'mtcnn', paths);
  expect(await loadModel(model)).toEqual(tensors);

  await pullModel(model, {});
  expect(registry.seen.length).toBe(1);
});

test('a connection that breaks is taken up where it broke', async () => {
  registry.behaviours = ['cut', 'cut'];
  await pullModel(model, {});
  const starts = registry.seen.map(({ range }) => Number(/\d+/.exec(range ?? '0')![0]));
  expect(starts.length).toBe(3);
  expect(starts[1]).toBeGreaterThan(0);
  expect(starts[2]).toBeGreaterThan(starts[1]);
  expect((await verifyModel(model)).state).toBe('sound');
});

test('what an interrupted process left is used by the next one', async () => {
  const part = join(workDir(NAME), `${registry.package}.tgz.part`);
  await mkdir(dirname(part), { recursive: true });
  await writeFile(part, registry.tarball.subarray(0, 12_345));
  await pullModel(model, {});
  expect(registry.seen).toMatchObject([{ range: 'bytes=12345-' }]);
});

test('a server without ranges sends it all again', async () => {
  registry.behaviours = ['cut', 'ignore-range'];
  await pullModel(model, {});
  expect((await verifyModel(model)).state).toBe('sound');
});

test('where the tarball needs credentials, npm fetches it itself', async () => {
  registry.behaviours = ['auth', 'auth'];
  await pullModel(model, {});
  expect(registry.seen.map(({ authorised }) => authorised)).toEqual([false, true]);
});

test('a tarball that is not what the registry announced is refused, and fetched anew', async () => {
  registry.behaviours = ['tamper'];
  await expect(pullModel(model, {})).rejects.toMatchObject({ code: 'WeightsInvalid' });
  expect(isCurrent(model)).toBe(false);
  await pullModel(model, {});
  expect((await verifyModel(model)).state).toBe('sound');
});

test('files of another sha256 are refused, though the registry vouches for them', async () => {
  const other = manifestOf(mtcnnShard(2), NAME, registry.package);
  const { sha256 } = other.artifacts[0].files[1];
  await expect(pullModel(other, {})).rejects.toMatchObject({
    code: 'WeightsInvalid',
    message: expect.stringContaining(sha256!),
  });
  expect(existsSync(weightsPath(NAME))).toBe(false);
});

test('a file that is not in the package is named', async () => {
  const [artifact] = model.artifacts;
  const files = [...artifact.files, { name: 'nowhere.bin' }];
  const wrong = { ...model, artifacts: [{ ...artifact, files }] };
  await expect(pullModel(wrong, { trust: true })).rejects.toThrow('nowhere.bin');
});

test('a package that is not there: the reason and the way round it, but no address', async () => {
  const missing = manifestOf(shard, NAME, 'facegraph-test-nothing@1.0.0');
  const error: Error = await pullModel(missing, {}).then(
    () => expect.unreachable(),
    (reason) => reason,
  );
  expect(error).toMatchObject({ code: 'ModelUnavailable' });
  expect(error.message).toMatch(/facegraph-test-nothing@1\.0\.0: npm: E404.*weights import/);
  expect(error.message).not.toMatch(/127\.0\.0\.1|http/);
});

test('two pulls at once download once', async () => {
  const steps: Progress[] = [];
  const both = [0, 1].map(() => pullModel(model, { onProgress: (step) => steps.push(step) }));
  const [first, second] = await Promise.all(both);
  expect(first).toEqual(second);
  expect(registry.seen.length).toBe(1);
  expect(steps.some(({ step }) => step === 'wait')).toBe(true);
});

test.each([
  { whose: 'a process that is gone', owner: `4194305 ${hostname()}`, age: 0 },
  { whose: 'a machine that fell silent', owner: '1 elsewhere', age: 61 },
])('the lock of $whose is taken over', async ({ owner, age }) => {
  const lock = lockPath(NAME);
  await mkdir(dirname(lock), { recursive: true });
  await writeFile(lock, owner);
  const touched = new Date(Date.now() - age * 1000);
  await utimes(lock, touched, touched);
  await pullModel(model, {});
  expect(existsSync(lock)).toBe(false);
});

test('damaged weights are found by load and verify, and mended by pull', async () => {
  await pullModel(model, {});
  const path = weightsPath(NAME);
  const bytes = await readFile(path);
  bytes[bytes.length - 9] ^= 1;
  await writeFile(path, bytes);
  await expect(loadModel(model)).rejects.toMatchObject({ code: 'WeightsInvalid' });
  expect((await verifyModel(model)).state).toBe('damaged');
  await pullModel(model, {});
  await loadModel(model);

  await truncate(path, 1000);
  await expect(loadModel(model)).rejects.toMatchObject({ code: 'ModelUnavailable' });
});
