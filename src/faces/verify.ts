import type { DetectOptions, Embedder, Engine } from '../engine/engine.ts';
import type { Face } from '../engine/face.ts';
import type { Image } from '../engine/image/image.ts';
import { FacegraphError } from '../errors.ts';
import { cosineDistance, isMatch } from './distance.ts';

/** One face of image A beside one face of image B. */
export interface FacePair {
  readonly a: Face;
  readonly b: Face;
  /** Cosine distance. */
  readonly distance: number;
  readonly match: boolean;
}

export interface Verification {
  readonly model: string;
  /** The cosine distance up to which a pair matches. */
  readonly threshold: number;
  /** Every face of A with every face of B, nearest pair first. */
  readonly pairs: readonly FacePair[];
}

export interface VerifyOptions {
  /** Cosine distance; the model's own when absent. */
  readonly threshold?: number;
  readonly detect?: DetectOptions;
}

/**
 * Compares every face of one image with every face of another.
 * @throws FacegraphError `NoFaceFound`, with `details.image` 'a' or 'b', when an image has no face.
 */
export async function verify(
  engine: Engine,
  embedder: Embedder,
  a: Image,
  b: Image,
  options: VerifyOptions = {},
): Promise<Verification> {
  const threshold = options.threshold ?? embedder.threshold;
  const [left, right] = await Promise.all(
    (
      [
        ['a', a],
        ['b', b],
      ] as const
    ).map(async ([which, image]) => {
      const faces = await engine.detect(image, options.detect);
      if (faces.length === 0)
        throw new FacegraphError('NoFaceFound', 'no face found', {
          image: which,
        });
      const embeddings = await embedder.embed(image, faces);
      return faces.map((face, i) => ({ face, embedding: embeddings[i] }));
    }),
  );
  const pairs = left.flatMap((p) =>
    right.map((q) => {
      const distance = cosineDistance(p.embedding, q.embedding);
      return { a: p.face, b: q.face, distance, match: isMatch(distance, threshold) };
    }),
  );
  pairs.sort((p, q) => p.distance - q.distance);
  return { model: embedder.model, threshold, pairs };
}
