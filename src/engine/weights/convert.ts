import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FacegraphError } from '../../errors.ts';
import { recordPath, weightsPath, workDir } from './cache.ts';
import { hashFile } from './hash.ts';
import { importWeights } from './importers.ts';
import type { Artifact, Manifest } from './manifest.ts';
import { FORMAT, type ImportRecord } from './record.ts';
import { writeSafetensors } from './safetensors.ts';

/**
 * Converts a model's published files, whose hashes have been checked, into the cache. The caller
 * holds the model's lock. Weights and record appear whole or not at all.
 * @param paths the artifact's files in its order. @param files their sha256 by name.
 * @throws FacegraphError `WeightsInvalid` when they do not fit the network or are made-up numbers.
 */
export async function convert(
  manifest: Manifest,
  artifact: Artifact,
  paths: readonly string[],
  files: Record<string, string>,
  source: string,
): Promise<ImportRecord> {
  const { name, network } = manifest;
  const imported = await importWeights(artifact.importer, network, paths);
  if (imported.formula)
    throw new FacegraphError(
      'WeightsInvalid',
      'this file was made by the weight generator for tests and knows no faces',
    );
  const directory = workDir(name);
  await mkdir(directory, { recursive: true });
  await mkdir(dirname(weightsPath(name)), { recursive: true });
  const draft = join(directory, 'converted.safetensors');
  await writeSafetensors(draft, imported.tensors);
  const record: ImportRecord = {
    format: FORMAT,
    model: name,
    source,
    files,
    classifier: imported.classifier,
    sha256: await hashFile(draft),
    bytes: (await stat(draft)).size,
    importedAt: new Date().toISOString(),
  };
  const recordDraft = join(directory, 'record.json');
  await writeFile(recordDraft, `${JSON.stringify(record, null, 2)}\n`);
  await rename(draft, weightsPath(name));
  await rename(recordDraft, recordPath(name));
  return record;
}
