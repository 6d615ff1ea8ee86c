import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheDir } from '../../engine/weights/cache.ts';

/** Bytes on disk by two keys in lower-case hex: how they were computed, and of which picture. */
export interface Store {
  get(how: string, picture: string): Promise<Buffer | undefined>;
  put(how: string, picture: string, bytes: Uint8Array): Promise<void>;
}

/** Below the user's cache folder. */
export function evaluationDir(): string {
  return join(cacheDir(), 'evaluation');
}

/**
 * A store in a folder, one file for each entry: whatever was put is there after a crash, and several
 * processes may share it. Embeddings are biometric data, so files are for their owner alone.
 */
export function openStore(directory: string): Store {
  const place = (how: string, picture: string) =>
    join(directory, how.slice(0, 24), picture.slice(0, 2), picture);
  return {
    get: (how, picture) => readFile(place(how, picture)).catch(() => undefined),
    async put(how, picture, bytes) {
      const path = place(how, picture);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const unfinished = `${path}.${randomUUID()}`;
      await writeFile(unfinished, bytes, { mode: 0o600 });
      await rename(unfinished, path);
    },
  };
}
