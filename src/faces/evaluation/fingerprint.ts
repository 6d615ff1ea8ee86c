import type { DetectOptions } from '../../engine/engine.ts';
import { sha256 } from '../../engine/weights/hash.ts';
import { manifest } from '../../engine/weights/manifest.ts';
import { readRecord } from '../../engine/weights/record.ts';
import { canonicalJson } from '../canonicalJson.ts';

/** How answers were computed, each as sha256 in hex: two of the same fingerprint are the same answer. */
export interface Fingerprints {
  /** Of the detector, its weights and parameters. */
  readonly detection: string;
  /** Of all that and of the embedding model, its weights, crop and preprocessing. */
  readonly embedding: string;
}

/** Raised by whoever changes what decoding, detection, cutting or embedding answer. */
const PIPELINE = 1;

/**
 * The fingerprints of a model whose weights are in the cache.
 * @throws FacegraphError `InvalidInput` for an unknown model.
 */
export function fingerprints(model: string, detect: DetectOptions): Fingerprints {
  const detection = detectionFingerprint(detect);
  const { crop, input } = manifest(model);
  const embedding = hash({ detection, crop, input, weights: readRecord(model)?.sha256 });
  return { detection, embedding };
}

/** The fingerprint of the detector alone. */
export function detectionFingerprint(detect: DetectOptions): string {
  return hash({ PIPELINE, detect, weights: readRecord('mtcnn')?.sha256 });
}

function hash(value: unknown): string {
  return sha256(new TextEncoder().encode(canonicalJson(value)));
}
