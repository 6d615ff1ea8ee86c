import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FacegraphError } from '../../errors.ts';
import { cacheDir, workDir } from './cache.ts';
import { checkFiles } from './checkFiles.ts';
import { convert } from './convert.ts';
import { withLock } from './lock.ts';
import { type Manifest, manifest } from './manifest.ts';
import { obtain } from './obtain.ts';
import type { OnProgress } from './progress.ts';
import type { ImportRecord } from './record.ts';
import { verifyModel } from './verify.ts';

export interface PullOptions {
  readonly onProgress?: OnProgress;
  /** Accept files whose sha256 no manifest pins yet, and pin what arrives. */
  readonly trust?: boolean;
}

/**
 * Makes sure the cache holds sound weights of a model: nothing to do when it does, else downloads,
 * checks and converts the manifest's first artifact. Safe to run in several processes at once, and
 * to run again after any interruption.
 * @throws FacegraphError `InvalidInput` for an unknown name, `ModelUnavailable` when no source
 * answers, `WeightsInvalid` when what comes is not what the manifest describes.
 */
export async function pull(name: string, options: PullOptions = {}): Promise<ImportRecord> {
  return pullModel(manifest(name), options);
}

/** As `pull`, of a manifest in hand. */
export async function pullModel(model: Manifest, options: PullOptions): Promise<ImportRecord> {
  const { onProgress = () => {}, trust = false } = options;
  const {
    name,
    artifacts: [artifact],
  } = model;
  const present = await verifyModel(model);
  if (present.record && present.state === 'sound') return present.record;
  if (!trust && artifact.files.some(({ sha256 }) => sha256 === undefined)) throw unpinned(name);

  const directory = workDir(name);
  const work = async (): Promise<ImportRecord> => {
    const meanwhile = await verifyModel(model);
    if (meanwhile.record && meanwhile.state === 'sound') return meanwhile.record;
    const { paths, source } = await obtain(name, artifact, directory, onProgress);
    try {
      const files = await checkFiles(model, artifact, paths, trust);
      onProgress({ model: name, step: 'convert' });
      return await convert(model, artifact, paths, files, source);
    } finally {
      // Whole files that failed would fail again; parts of downloads never get here.
      await rm(directory, { recursive: true, force: true });
    }
  };
  return withLock(lockPath(name), work, () => onProgress({ model: name, step: 'wait' }));
}

/** The lock that whoever writes a model into the cache must hold. */
export function lockPath(name: string): string {
  return join(cacheDir(), 'locks', name);
}

function unpinned(name: string): FacegraphError {
  return new FacegraphError(
    'WeightsInvalid',
    `no sha256 is known yet for the files of ${name}; to accept what the source sends, and to ` +
      `pin it here, add --trust`,
  );
}
