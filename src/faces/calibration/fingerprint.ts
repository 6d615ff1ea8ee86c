import { fingerprints } from '../evaluation/fingerprint.ts';

const known = new Map<string, string>();

/**
 * What makes the embeddings of a model what they are, as a hexadecimal SHA-256. Distances under another
 * fingerprint say nothing of those under this one.
 * @throws FacegraphError `InvalidInput` for an unknown model.
 */
export function fingerprint(model: string): string {
  // Asked for by every search; weights do not change while a process has them loaded.
  const there = known.get(model);
  if (there) return there;
  const { embedding } = fingerprints(model, {});
  known.set(model, embedding);
  return embedding;
}
