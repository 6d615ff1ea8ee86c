import type { DetectOptions, Embedder, Engine, NameProbability } from '../engine/engine.ts';
import type { Face } from '../engine/face.ts';
import type { Image } from '../engine/image/image.ts';

/** A face and the classifier's most probable names for it, most probable first. */
export interface Classification {
  readonly face: Face;
  readonly names: readonly NameProbability[];
}

export interface ClassifyOptions {
  /** Names per face. Default 5. */
  readonly top?: number;
  readonly detect?: DetectOptions;
}

/**
 * Names every face of an image with the classifier of the embedding model.
 * @throws FacegraphError `ModelUnavailable` when the model has no classifier weights.
 */
export async function classify(
  engine: Engine,
  embedder: Embedder,
  image: Image,
  options: ClassifyOptions = {},
): Promise<Classification[]> {
  const faces = await engine.detect(image, options.detect);
  if (faces.length === 0) return [];
  const names = await embedder.classify(image, faces, options.top ?? 5);
  return faces.map((face, i) => ({ face, names: names[i] }));
}
