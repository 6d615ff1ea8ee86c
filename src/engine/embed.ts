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

/** An embedding network on one device. Calls must not overlap. */
export interface EmbeddingNetwork {
  /** The rows of each output for each face; of several outputs the first is the embedding. */
  run(image: GpuImage, faces: readonly Face[]): Promise<Float32Array[][]>;
  /** Compiles every pipeline. */
  warmUp(image: GpuImage): Promise<void>;
  destroy(): void;
}

const SIZES = [1, 2, 4, 8];

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
    words: MAP_FLOATS,
    cut: cutFaces(network.name, input),
  });
  return {
    async run(image, faces) {
      const maps = new Float32Array(faces.length * MAP_FLOATS);
      for (const [i, face] of faces.entries())
        maps.set(cropMap(face, crop, input.height, input.width), i * MAP_FLOATS);
      const outputs = await net.run(image, maps, faces.length);
      return outputs.map((values) => {
        const width = values.length / Math.max(1, faces.length);
        return faces.map((_, i) => values.slice(i * width, (i + 1) * width));
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
