import { existsSync, readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { recordPath, weightsPath } from './cache.ts';
import type { Manifest } from './manifest.ts';

/** Raised when importers change what they write: older conversions are then made again. */
export const FORMAT = 1;

const RecordSchema = z.object({
  format: z.number(),
  model: z.string(),
  /** `npm:package@version`, `https` or `file`. */
  source: z.string(),
  /** sha256 of the published files by name. */
  files: z.record(z.string(), z.string()),
  classifier: z.boolean(),
  /** Of the converted file. */
  sha256: z.string(),
  bytes: z.number(),
  importedAt: z.string(),
});

/** What a converted file in the cache was made from. */
export type ImportRecord = z.infer<typeof RecordSchema>;

/** The record of a model in the cache; undefined when there is none or it cannot be read. */
export function readRecord(model: string): ImportRecord | undefined {
  if (!existsSync(recordPath(model))) return undefined;
  try {
    return RecordSchema.parse(JSON.parse(readFileSync(recordPath(model), 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Whether the cache holds this version's weights of a model: converted by these importers, from
 * files that the manifest pins, and of the right length. The content is hashed when it is loaded.
 */
export function isCurrent(manifest: Manifest): boolean {
  const record = readRecord(manifest.name);
  if (record?.format !== FORMAT || !isPinned(manifest, record.files)) return false;
  const file = statSync(weightsPath(manifest.name), { throwIfNoEntry: false });
  return file?.size === record.bytes;
}

/** Whether hashes by file name are those of one artifact, as far as the manifest pins them. */
export function isPinned({ artifacts }: Manifest, files: Record<string, string>): boolean {
  return artifacts.some(
    (artifact) =>
      artifact.files.length === Object.keys(files).length &&
      artifact.files.every(
        ({ name, sha256 }) => name in files && (sha256 ?? files[name]) === files[name],
      ),
  );
}
