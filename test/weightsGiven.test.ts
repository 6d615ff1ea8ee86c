import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { importModel } from '../src/engine/weights/importFile.ts';
import { pullModel } from '../src/engine/weights/pull.ts';
import { manifestOf, mtcnnShard, writeShard } from './support/mtcnnShard.ts';

const shard = mtcnnShard(1);
const model = manifestOf(shard, 'mtcnn-test', 'facegraph-test-nothing@1.0.0');

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'facegraph-cache-'));
  vi.stubEnv('FACEGRAPH_CACHE', cache);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

test('files that the user has are imported from their folder, or by one of them', async () => {
  const [json, file] = await writeShard(cache, shard);
  expect((await importModel(model, dirname(json), {})).source).toBe('file');
  const { files } = await importModel(model, file, {});
  expect(Object.values(files)).toEqual(model.artifacts[0].files.map(({ sha256 }) => sha256));
});

test('a file of another length is refused though nobody knows its sha256', async () => {
  const [artifact] = model.artifacts;
  const files = artifact.files.map(({ name, bytes }) => ({ name, bytes: bytes! + 1 }));
  const longer = { ...model, artifacts: [{ ...artifact, files }] };
  const [json] = await writeShard(cache, shard);
  await expect(importModel(longer, json, { trust: true })).rejects.toThrow(
    `has ${shard.json.length} bytes, the published one ${shard.json.length + 1}`,
  );
});

test('files that nobody has pinned need trust once, and the same bytes ever after', async () => {
  const [artifact] = model.artifacts;
  const files = artifact.files.map(({ name }) => ({ name }));
  const unpinned = { ...model, artifacts: [{ ...artifact, files }] };
  await expect(pullModel(unpinned, {})).rejects.toThrow('--trust');

  const [json] = await writeShard(cache, shard);
  await expect(importModel(unpinned, json, {})).rejects.toThrow('--trust');
  await importModel(unpinned, json, { trust: true });
  await importModel(unpinned, json, {});

  const [other] = await writeShard(cache, mtcnnShard(3));
  await expect(importModel(unpinned, other, { trust: true })).rejects.toMatchObject({
    code: 'WeightsInvalid',
  });
});

test('a path that holds none of the files says which files it should', async () => {
  await expect(importModel(model, cache, {})).rejects.toThrow(
    'mtcnn_model-weights_manifest.json + mtcnn_model-shard1',
  );
  await expect(importModel(model, join(cache, 'nowhere'), {})).rejects.toThrow('there is no');
});
