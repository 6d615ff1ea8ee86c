import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { FacegraphError } from '../../errors.ts';
import { hashFile } from './hash.ts';
import type { Artifact, Manifest } from './manifest.ts';
import { readRecord } from './record.ts';

/**
 * Hashes published files before anything reads them.
 * @param trust accept a file that nobody has pinned; its hash is then pinned by the import record.
 * @returns sha256 by the manifest's file name.
 * @throws FacegraphError `WeightsInvalid` naming the file that is not the published one.
 */
export async function checkFiles(
  manifest: Manifest,
  artifact: Artifact,
  paths: readonly string[],
  trust: boolean,
): Promise<Record<string, string>> {
  const seen = readRecord(manifest.name)?.files ?? {};
  const files: Record<string, string> = {};
  for (const [i, { name, bytes, sha256 }] of artifact.files.entries()) {
    const { size } = await stat(paths[i]);
    if (bytes !== undefined && size !== bytes)
      throw refuse(paths[i], `has ${size} bytes, the published one ${bytes}`);
    const actual = await hashFile(paths[i]);
    const expected = sha256 ?? seen[name];
    if (expected !== undefined && actual !== expected)
      throw refuse(paths[i], `has sha256 ${actual}, the published one ${expected}`);
    if (expected === undefined && !trust)
      throw refuse(
        paths[i],
        `has sha256 ${actual}, and none is known yet to compare with; if you trust where it is from, add --trust to pin it`,
      );
    files[name] = actual;
  }
  return files;
}

function refuse(path: string, reason: string): FacegraphError {
  return new FacegraphError('WeightsInvalid', `${basename(path)} ${reason}`);
}
