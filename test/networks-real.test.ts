import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import type { Network, Shape } from '../src/engine/network.ts';
import { onet, pnet, rnet } from '../src/engine/networks/mtcnn.ts';
import { RESNET50_IMAGENET, resnet50 } from '../src/engine/networks/resnet50.ts';
import { hasWeights, loadWeights } from '../src/engine/weights/load.ts';
import type { Array4 } from '../src/kernels/reference.ts';
import { onGpu, onOnnxruntime } from './support/runners.ts';
import { NETWORK_NMSE, nmse } from './support/tolerance.ts';

const PHOTOGRAPH = createRequire(import.meta.url).resolve('@vladmandic/face-api/demo/sample1.jpg');

let photograph: Image;
beforeAll(async () => {
  photograph = await decodeImage(await readFile(PHOTOGRAPH));
});
afterAll(closeDecoder);

/** Windows of the photograph, each `step` pixels right of and below the one before, (x − mean) · scale. */
function windows(
  [n, h, w, c]: Shape,
  mean: readonly number[],
  scale: number,
  step: number,
): Array4 {
  const data = new Float32Array(n * h * w * c);
  let i = 0;
  for (let b = 0; b < n; b++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const at = ((400 + b * step + y) * photograph.width + 600 + b * step + x) * 3;
        for (let k = 0; k < 3; k++) data[i++] = (photograph.data[at + k] - mean[k]) * scale;
      }
  return { shape: [n, h, w, c], data };
}

async function expectSame(network: Network, model: string, x: Array4) {
  const tensors = await loadWeights(model);
  const [ours, theirs] = [
    await onGpu(network, tensors, x),
    await onOnnxruntime(network, tensors, x),
  ];
  for (const name of network.outputs) {
    expect(ours.get(name)!.shape).toEqual(theirs.get(name)!.shape);
    expect(nmse(ours.get(name)!.data, theirs.get(name)!.data)).toBeLessThanOrEqual(NETWORK_NMSE);
  }
}

describe.skipIf(!hasWeights('mtcnn'))('mtcnn on its real weights (needs them in the cache)', () => {
  const centred = (shape: Shape) => windows(shape, [127.5, 127.5, 127.5], 1 / 128, 17);

  test.each<{ what: string; network: Network; shape: Shape }>([
    { what: 'P-Net at its smallest', network: pnet, shape: [1, 12, 12, 3] },
    { what: 'P-Net at an odd size', network: pnet, shape: [1, 37, 53, 3] },
    { what: 'P-Net at 480 × 640', network: pnet, shape: [1, 480, 640, 3] },
    { what: 'R-Net', network: rnet, shape: [5, 24, 24, 3] },
    { what: 'O-Net', network: onet, shape: [3, 48, 48, 3] },
  ])('$what on the GPU is what onnxruntime makes of it', ({ network, shape }) =>
    expectSame(network, 'mtcnn', centred(shape)),
  );
});

describe.skipIf(!hasWeights('resnet50-imagenet'))(
  'resnet50-imagenet on its real weights (needs them in the cache)',
  () => {
    test('two windows of a photograph on the GPU are what onnxruntime makes of them', () =>
      expectSame(
        resnet50(RESNET50_IMAGENET, true),
        'resnet50-imagenet',
        windows([2, 224, 224, 3], [123.68, 116.779, 103.939], 1, 200),
      ));
  },
);
