import { weightsPath } from './cache.ts';
import { hashFile } from './hash.ts';
import { type Manifest, manifest, manifests } from './manifest.ts';
import { type ImportRecord, isCurrent, readRecord } from './record.ts';

/** `outdated`: made by another version of the importers, or from files of other hashes. */
export type State = 'sound' | 'absent' | 'damaged' | 'outdated';

export interface Verified {
  readonly model: string;
  readonly state: State;
  readonly record?: ImportRecord;
}

/** A model this version knows, and what the cache has of it. */
export interface Listed {
  readonly model: string;
  readonly kind: string;
  readonly present: boolean;
  readonly classifier: boolean;
  /** Where the weights in the cache came from. */
  readonly source?: string;
  readonly bytes?: number;
  readonly licence: string;
  readonly description: string;
}

/**
 * Compares a model in the cache with the sha256 recorded when it was converted.
 * @throws FacegraphError `InvalidInput` for an unknown name.
 */
export async function verify(name: string): Promise<Verified> {
  return verifyModel(manifest(name));
}

/** As `verify`, of a manifest in hand. */
export async function verifyModel(known: Manifest): Promise<Verified> {
  const model = known.name;
  const record = readRecord(model);
  if (!record) return { model, state: 'absent' };
  const actual = await hashFile(weightsPath(model)).catch(() => undefined);
  if (actual !== record.sha256) return { model, state: 'damaged', record };
  return { model, state: isCurrent(known) ? 'sound' : 'outdated', record };
}

/** Every model, defaults first, without hashing anything. */
export function list(): Listed[] {
  return manifests().map((known) => {
    const present = isCurrent(known);
    const record = present ? readRecord(known.name) : undefined;
    return {
      model: known.name,
      kind: known.kind,
      present,
      classifier: record?.classifier ?? false,
      source: record?.source,
      bytes: record?.bytes,
      licence: known.licence.name,
      description: known.card.description,
    };
  });
}
