import { existsSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FacegraphError } from '../../errors.ts';
import { workDir } from './cache.ts';
import { checkFiles } from './checkFiles.ts';
import { convert } from './convert.ts';
import { hashFile } from './hash.ts';
import { withLock } from './lock.ts';
import { type Artifact, type Manifest, manifest } from './manifest.ts';
import { lockPath, type PullOptions } from './pull.ts';
import type { ImportRecord } from './record.ts';

interface Located {
  readonly artifact: Artifact;
  readonly paths: readonly string[];
}

/**
 * Converts published files that the user has into the cache, replacing what is there.
 * @param path the file, or the folder that holds the files; of several files any one will do when
 * the others lie beside it. A single file may have any name if its sha256 is known.
 * @throws FacegraphError `InvalidInput` when the path does not hold files of this model;
 * `WeightsInvalid` when they are not the published ones or do not fit the network.
 */
export async function importFile(
  name: string,
  path: string,
  options: PullOptions = {},
): Promise<ImportRecord> {
  return importModel(manifest(name), path, options);
}

/** As `importFile`, of a manifest in hand. */
export async function importModel(
  model: Manifest,
  path: string,
  options: PullOptions,
): Promise<ImportRecord> {
  const { onProgress = () => {}, trust = false } = options;
  const { name } = model;
  const { artifact, paths } = await locate(model, path);
  const work = async (): Promise<ImportRecord> => {
    const files = await checkFiles(model, artifact, paths, trust);
    onProgress({ model: name, step: 'convert' });
    try {
      return await convert(model, artifact, paths, files, 'file');
    } finally {
      await rm(workDir(name), { recursive: true, force: true });
    }
  };
  return withLock(lockPath(name), work, () => onProgress({ model: name, step: 'wait' }));
}

async function locate(model: Manifest, path: string): Promise<Located> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new FacegraphError('InvalidInput', `there is no ${path}`);
  const folder = stats.isDirectory() ? path : dirname(path);
  for (const artifact of model.artifacts) {
    const paths = artifact.files.map(({ name }) => join(folder, name));
    const meant = stats.isDirectory() || artifact.files.some(({ name }) => name === basename(path));
    if (meant && paths.every((file) => existsSync(file))) return { artifact, paths };
  }
  if (stats.isFile()) {
    const digest = await hashFile(path);
    const artifact = model.artifacts.find(
      ({ files }) => files.length === 1 && files[0].sha256 === digest,
    );
    if (artifact) return { artifact, paths: [path] };
  }
  const wanted = model.artifacts.map(({ files }) => files.map(({ name }) => name).join(' + '));
  throw new FacegraphError(
    'InvalidInput',
    `${path} holds no published files of ${model.name}: ${wanted.join(', or ')}`,
  );
}
