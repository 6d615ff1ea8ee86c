import type { DetectOptions, Engine } from '../../engine/engine.ts';
import type { Image } from '../../engine/image/image.ts';
import type { EmbeddedFace } from '../search/embedFaces.ts';
import { type Detected, keptDetection, type Source } from './detections.ts';
import { type Fingerprints, fingerprints } from './fingerprint.ts';
import { evaluationDir, openStore, type Store } from './store.ts';

/** The faces of one picture and what the model makes of each. */
export interface Embedded extends Omit<Detected, 'faces'> {
  readonly faces: readonly EmbeddedFace[];
}

/**
 * What an evaluation asks of the engine, kept on disk: a second run, or one that goes on after it
 * was interrupted, computes only what is new.
 */
export interface Reader {
  readonly model: string;
  /** What is asked of the detector; nothing: its defaults. */
  readonly detection: DetectOptions;
  readonly fingerprints: Fingerprints;
  /** @throws FacegraphError of the image, of the engine. */
  detect(source: Source): Promise<Detected>;
  /** @throws FacegraphError of the image, of the engine. */
  embed(source: Source): Promise<Embedded>;
}

/**
 * A reader over the cache of the user.
 * @throws FacegraphError `ModelUnavailable`, `InvalidInput` for an unknown model.
 */
export async function openReader(
  engine: Engine,
  model: string,
  detect: DetectOptions = {},
): Promise<Reader> {
  // First of all, because it says what is wrong with the weights.
  await engine.embedder(model);
  const store = openStore(evaluationDir());
  return createReader(engine, { model, detect, store, fingerprints: fingerprints(model, detect) });
}

/** A reader over any store. */
export function createReader(
  engine: Engine,
  options: {
    readonly model: string;
    readonly detect: DetectOptions;
    readonly fingerprints: Fingerprints;
    readonly store: Store;
  },
): Reader {
  const { model, store, detect, fingerprints } = options;
  const { embedding } = fingerprints;
  const detected = keptDetection(engine, store, { detect, fingerprint: fingerprints.detection });

  return {
    model,
    detection: detect,
    fingerprints,
    detect: detected,
    async embed({ key, image }) {
      let decoded: Promise<Image> | undefined;
      const once = () => (decoded ??= image());
      const { faces, ...found } = await detected({ key, image: once });
      if (faces.length === 0) return { ...found, faces: [] };
      const embedder = await engine.embedder(model);
      const kept = rows(await store.get(embedding, key), faces.length, embedder.dimensions);
      const joined = (embeddings: readonly Float32Array[]) =>
        faces.map((face, i) => ({ face, embedding: embeddings[i] }));
      if (kept) return { ...found, faces: joined(kept), computed: false };
      const embeddings = await embedder.embed(await once(), faces);
      await store.put(embedding, key, bytesOf(embeddings));
      return { ...found, faces: joined(embeddings) };
    },
  };
}

// What has the wrong length counts as missing: it is computed and written again.
function rows(
  bytes: Buffer | undefined,
  count: number,
  dimensions: number,
): Float32Array[] | undefined {
  const width = dimensions * Float32Array.BYTES_PER_ELEMENT;
  if (bytes?.length !== count * width) return undefined;
  return Array.from({ length: count }, (_, i) => {
    const row = new Uint8Array(bytes.subarray(i * width, (i + 1) * width));
    return new Float32Array(row.buffer);
  });
}

function bytesOf(embeddings: readonly Float32Array[]): Uint8Array {
  return Buffer.concat(
    embeddings.map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength),
    ),
  );
}
