import type { Gpu } from '../../gpu/device.ts';
import { warpReference } from '../../kernels/imageReference.ts';
import type { GpuImage } from '../../kernels/resize.ts';
import { MAP_FLOATS } from '../../kernels/warp.ts';
import { cropMap } from '../align.ts';
import { cutFaces } from '../embed.ts';
import type { Face } from '../face.ts';
import type { Image } from '../image/image.ts';
import { networksOf } from '../weights/layersOf.ts';
import type { Manifest } from '../weights/manifest.ts';
import type { Tensors } from '../weights/tensor.ts';
import { cropSection, type Section } from './section.ts';

/** The network of an embedder or classifier on faces at as many places of the image. */
export function embedderSection(
  gpu: Gpu,
  image: Image,
  loaded: GpuImage,
  { network: name, input, crop }: Manifest,
  tensors: Tensors,
  batch: number,
): Promise<Section> {
  const [network] = networksOf(name, tensors.has('classifier/weight'));
  const { height, width, order, mean, scale } = input;
  const maps = Array.from({ length: batch }, (_, i) => cropMap(faceAt(i), crop, height, width));
  const regions = new Float32Array(batch * MAP_FLOATS);
  for (const [i, map] of maps.entries()) regions.set(map, i * MAP_FLOATS);
  return cropSection(gpu, loaded, {
    network,
    tensors,
    regions,
    batch,
    cut: cutFaces(network.name, input),
    crops: () => {
      const pictures = maps.map((map) => warpReference(image, map, height, width, order));
      return (n, y, x, c) => (pictures[n][(y * width + x) * 3 + c] - mean[c]) * scale;
    },
  });
}

// Somewhat turned, so that models which align have something to do.
function faceAt(i: number): Face {
  const [x, y] = [20 + ((i * 61) % 400), 30 + ((i * 37) % 250)];
  return {
    box: [x, y, 130, 160],
    confidence: 1,
    landmarks: {
      leftEye: [x + 40, y + 60],
      rightEye: [x + 92, y + 66],
      nose: [x + 64, y + 95],
      mouthLeft: [x + 42, y + 122],
      mouthRight: [x + 86, y + 126],
    },
  };
}
