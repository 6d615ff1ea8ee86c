import { currentModel, type ModelId, modelOf } from '../../engine/weights/revision.ts';
import { fingerprints } from '../evaluation/fingerprint.ts';

const known = new Map<string, string>();

/**
 * What makes the embeddings of a model what they are, as a hexadecimal SHA-256; null for a past revision,
 * whose embeddings are made no more. Distances under another fingerprint say nothing of those under this
 * one.
 * @throws FacegraphError `InvalidInput` for an unknown model.
 */
export function fingerprint(id: ModelId): string | null {
  const { model, revision } = modelOf(id);
  if (revision !== model.revision) return null;
  // Asked for by every search; weights do not change while a process has them loaded.
  const there = known.get(id);
  if (there) return there;
  const { embedding } = fingerprints(id, {});
  known.set(id, embedding);
  return embedding;
}

/**
 * The same of a model whose embeddings are still made.
 * @throws FacegraphError `ModelMismatch` for a past revision, `InvalidInput` for an unknown model.
 */
export function currentFingerprint(id: ModelId): string {
  currentModel(id);
  return fingerprint(id)!;
}
