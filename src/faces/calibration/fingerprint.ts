import { createHash } from 'node:crypto';
import { manifest } from '../../engine/weights/manifest.ts';
import { readRecord } from '../../engine/weights/record.ts';
import { canonicalJson } from '../canonicalJson.ts';

const known = new Map<string, string>();

/**
 * What makes the embeddings of a model what they are, as a hexadecimal SHA-256: its weights, its crop and
 * its preprocessing. Distances under another fingerprint say nothing of those under this one.
 */
export function fingerprint(model: string): string {
  // Weights do not change while a process has them loaded.
  const there = known.get(model);
  if (there) return there;
  const { crop, input } = manifest(model);
  const made = canonicalJson({ model, crop, input, weights: readRecord(model)?.files ?? {} });
  const hash = createHash('sha256').update(made).digest('hex');
  known.set(model, hash);
  return hash;
}
