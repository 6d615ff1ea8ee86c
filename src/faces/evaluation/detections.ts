import { z } from 'zod';
import type { DetectOptions, Engine } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import { decodeImage } from '../../engine/image/decode.ts';
import type { Image } from '../../engine/image/image.ts';
import { sha256 } from '../../engine/weights/hash.ts';
import { readFileBytes } from '../folder/photographs.ts';
import type { Store } from './store.ts';

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
  /** Whether nothing of it was known to the cache. */
  readonly computed: boolean;
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
 * The engine's detection, kept in a store: a second run, or one that goes on after it was interrupted,
 * computes only what is new.
 * @param fingerprint as `detectionFingerprint` of the same options.
 */
export function keptDetection(
  engine: Engine,
  store: Store,
  options: { readonly detect: DetectOptions; readonly fingerprint: string },
): (source: Source) => Promise<Detected> {
  const { detect, fingerprint } = options;
  return async ({ key, image }) => {
    const known = parsed(await store.get(fingerprint, key));
    if (known) return known;
    const pixels = await image();
    const { width, height } = pixels;
    const faces = await engine.detect(pixels, detect);
    await store.put(fingerprint, key, Buffer.from(JSON.stringify({ width, height, faces })));
    return { width, height, faces, computed: true };
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
