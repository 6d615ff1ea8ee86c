import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import type { Network, Shape } from '../src/engine/network.ts';
import { onet, pnet, rnet } from '../src/engine/networks/mtcnn.ts';
import { RESNET50_IMAGENET, resnet50 } from '../src/engine/networks/resnet50.ts';
import { hasWeights, loadWeights } from '../src/engine/weights/load.ts';
import type { Array4 } from '../src/kernels/reference.ts';
import { NETWORK_NMSE, nmse } from '../src/kernels/tolerance.ts';
import { onGpu, onOnnxruntime } from './support/runners.ts';

const PHOTOGRAPH = createRequire(import.meta.url).resolve('@vladmandic/face-api/demo/sample1.jpg');

const DATA = fileURLToPath(new URL('../../shared/data/', import.meta.url));

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

/** A whole image at 224 × 224 by its nearest pixels, B G R minus ImageNet's means. */
function blueFirst({ width, height, data }: Image): Array4 {
  const mean = [103.939, 116.779, 123.68];
  const values = new Float32Array(224 * 224 * 3);
  let i = 0;
  for (let y = 0; y < 224; y++)
    for (let x = 0; x < 224; x++) {
      const row = Math.floor(((y + 0.5) * height) / 224);
      const at = (row * width + Math.floor(((x + 0.5) * width) / 224)) * 3;
      for (let k = 0; k < 3; k++) values[i++] = data[at + 2 - k] - mean[k];
    }
  return { shape: [1, 224, 224, 3], data: values };
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

    // Classes of ImageNet: 193 Australian terrier, 301 ladybug, 985 daisy.
    test.skipIf(!existsSync(DATA)).each([
      { file: 'no-faces/LadyBird.jpg', label: 301 },
      { file: 'no-faces/YellowFlower.jpg', label: 985 },
      { file: 'dlib-faces/dogs.jpg', label: 193 },
    ])('$file is recognised (needs ../shared/data)', async ({ file, label }) => {
      const network = resnet50(RESNET50_IMAGENET, true);
      const tensors = await loadWeights('resnet50-imagenet');
      const image = await decodeImage(await readFile(DATA + file));
      const y = (await onGpu(network, tensors, blueFirst(image))).get('probabilities')!.data;
      expect(y.indexOf(Math.max(...y))).toBe(label);
    });
  },
);
