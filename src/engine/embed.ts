import type { Gpu } from '../gpu/device.ts';
import { closeScope, openScope } from '../gpu/plan.ts';
import type { GpuImage } from '../kernels/resize.ts';
import { MAP_FLOATS, warp } from '../kernels/warp.ts';
import { cropMap } from './align.ts';
import { type Cut, createCropNetwork } from './cropNetwork.ts';
import type { Face } from './face.ts';
import type { Network } from './network.ts';
import { type Parameter, uploadWeights } from './weightBuffer.ts';
import type { Manifest } from './weights/manifest.ts';

/** Faces of one image. */
export interface ImageFaces {
  /** Brings the image onto the GPU, where it may take the place of the one before. */
  load(): GpuImage;
  readonly faces: readonly Face[];
}

/** An embedding network on one device. Calls must not overlap. */
export interface EmbeddingNetwork {
  /**
   * For each image the rows of each output for each face; of several outputs the first is the
   * embedding. Faces of all images share batches.
   */
  run(images: readonly ImageFaces[]): Promise<Float32Array[][][]>;
  /** Compiles every pipeline. */
  warmUp(image: GpuImage): Promise<void>;
  destroy(): void;
}

/** Faces of the largest batch. */
export const LARGEST_BATCH = 8;
const SIZES = [1, 2, 4, LARGEST_BATCH];
/** In faces: between what bench/LOG.md has of FaceNet by wall time and of both networks by CPU time. */
const START = 0.5;

/** The network of a manifest with its weights on the GPU, fed with faces cut its own way. */
export function createEmbeddingNetwork(
  gpu: Gpu,
  { crop, input }: Pick<Manifest, 'crop' | 'input'>,
  network: Network,
  tensors: ReadonlyMap<string, Parameter>,
): EmbeddingNetwork {
  const scope = openScope(gpu);
  const net = createCropNetwork(gpu, {
    network,
    weights: uploadWeights(scope, network, tensors),
    sizes: SIZES,
    start: START,
    words: MAP_FLOATS,
    cut: cutFaces(network.name, input),
  });
  return {
    async run(images) {
      const regions = images.map(({ load, faces }) => {
        const words = new Float32Array(faces.length * MAP_FLOATS);
        for (const [i, face] of faces.entries())
          words.set(cropMap(face, crop, input.height, input.width), i * MAP_FLOATS);
        return { load, words, count: faces.length };
      });
      const total = images.reduce((sum, { faces }) => sum + faces.length, 0);
      const outputs = await net.run(regions);
      const rows = outputs.map((values) => {
        const width = values.length / Math.max(1, total);
        return Array.from({ length: total }, (_, i) => values.slice(i * width, (i + 1) * width));
      });
      let at = 0;
      return images.map(({ faces }) => {
        const first = at;
        at += faces.length;
        return rows.map((all) => all.slice(first, at));
      });
    },
    warmUp: (image) => net.warmUp(image),
    destroy() {
      net.destroy();
      closeScope(scope);
    },
  };
}

/** Cuts faces by their maps, as `cropMap` makes them, in the way of a manifest. */
export function cutFaces(name: string, { order, mean, scale }: Manifest['input']): Cut {
  return (scope, image, maps, y) =>
    warp(scope, { label: `${name} crops`, image, maps, y, order, normalise: { mean, scale } });
}
