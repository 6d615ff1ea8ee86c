import { z } from 'zod';
import type { DetectOptions, Engine } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import { decodeImage } from '../../engine/image/decode.ts';
import type { Image } from '../../engine/image/image.ts';
import { sha256 } from '../../engine/weights/hash.ts';
import { readFileBytes } from '../folder/photographs.ts';
import type { EmbeddedFace } from '../search/embedFaces.ts';
import { type Fingerprints, fingerprints } from './fingerprint.ts';
import { evaluationDir, openStore, type Store } from './store.ts';

/** A picture and what it is known by. */
export interface Source {
  /** Sha256 in hex of the file; of a made picture, of all that it was made from. */
  readonly key: string;
  /** Its pixels; asked for only when the cache does not know the answer. */
  image(): Promise<Image>;
}

/** The faces of one picture, best confidence first. */
export interface Detected {
  readonly width: number;
  readonly height: number;
  readonly faces: readonly Face[];
  /** False when the cache knew everything. */
  readonly computed: boolean;
}

/** The same with what the model makes of each. */
export interface Embedded extends Omit<Detected, 'faces'> {
  readonly faces: readonly EmbeddedFace[];
}

/**
 * What an evaluation asks of the engine, kept on disk: a second run, or one that goes on after it
 * was interrupted, computes only what is new.
 */
export interface Reader {
  readonly model: string;
  readonly fingerprints: Fingerprints;
  /** @throws FacegraphError of the image, of the engine. */
  detect(source: Source): Promise<Detected>;
  /** @throws FacegraphError of the image, of the engine. */
  embed(source: Source): Promise<Embedded>;
}

const pair = z.tuple([z.number(), z.number()]);
const Kept = z.strictObject({
  width: z.number(),
  height: z.number(),
  faces: z.array(
    z.strictObject({
      box: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      confidence: z.number(),
      landmarks: z.strictObject({
        leftEye: pair,
        rightEye: pair,
        nose: pair,
        mouthLeft: pair,
        mouthRight: pair,
      }),
    }),
  ),
});

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
  const { model, store } = options;
  const { detection, embedding } = options.fingerprints;

  const detected = async ({ key, image }: Source): Promise<Detected> => {
    const known = parsed(await store.get(detection, key));
    if (known) return known;
    const pixels = await image();
    const { width, height } = pixels;
    const faces = await engine.detect(pixels, options.detect);
    await store.put(detection, key, Buffer.from(JSON.stringify({ width, height, faces })));
    return { width, height, faces, computed: true };
  };

  return {
    model,
    fingerprints: options.fingerprints,
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
      if (kept) return { ...found, faces: joined(kept) };
      const embeddings = await embedder.embed(await once(), faces);
      await store.put(embedding, key, bytesOf(embeddings));
      return { ...found, faces: joined(embeddings), computed: true };
    },
  };
}

/**
 * A file as a source.
 * @throws FacegraphError `InvalidInput` when it cannot be read, `ImageTooLarge`.
 */
export async function sourceOfFile(path: string): Promise<Source> {
  const bytes = await readFileBytes(path);
  return { key: sha256(bytes), image: () => decodeImage(bytes) };
}

// What cannot be understood counts as missing: it is computed and written again.
function parsed(bytes: Buffer | undefined): Detected | undefined {
  if (!bytes) return undefined;
  try {
    return { ...Kept.parse(JSON.parse(bytes.toString())), computed: false };
  } catch {
    return undefined;
  }
}

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
