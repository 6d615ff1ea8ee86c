import { FacegraphError } from '../errors.ts';
import type { Embedder } from './engine.ts';
import type { Face } from './face.ts';
import type { Image } from './image/image.ts';
import { labels } from './weights/labels.ts';
import type { Manifest } from './weights/manifest.ts';

/** Runs the network: of each output a row for each face, the embedding first; nothing for no face. */
type Run = (image: Image, faces: readonly Face[]) => Promise<Float32Array[][]>;

/** What an embedding network makes of faces, as callers want it. */
export function createEmbedder(model: Manifest, run: Run): Embedder {
  return {
    model: model.name,
    dimensions: model.dimensions!,
    threshold: model.threshold!,
    async embed(image, faces) {
      const [embeddings = []] = await run(image, faces);
      return embeddings.map(normalised);
    },
    async classify(image, faces, top) {
      const [embeddings = [], probabilities] = await run(image, faces);
      if (embeddings.length === 0) return [];
      if (!probabilities)
        throw new FacegraphError(
          'ModelUnavailable',
          `the weights of ${model.name} on this machine have no classifier`,
        );
      const names = await labels(model.name);
      return probabilities.map((row) =>
        [...row.keys()]
          .sort((a, b) => row[b] - row[a])
          .slice(0, top)
          .map((i) => ({ name: names[i], probability: row[i] })),
      );
    },
  };
}

function normalised(v: Float32Array): Float32Array {
  const norm = Math.hypot(...v) || 1;
  return v.map((x) => x / norm);
}
