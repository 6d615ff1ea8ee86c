/**
 * Verification accuracy on the development pairs of LFW in ../shared/data/lfw-dev: 10-fold with the
 * best threshold of the other nine folds, an image without a face matching nobody.
 *
 *   npm run bench -- lfw [--model NAME] [--pairs N] [--crop MARGIN[,square][,align][,mirror]]…
 *
 * Without --crop the model's own crop is measured; with several, all of them in one run.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Crop, cropMaps, viewsOf } from '../src/engine/align.ts';
import { createCropNetwork } from '../src/engine/cropNetwork.ts';
import { createDetector } from '../src/engine/detect.ts';
import type { Face } from '../src/engine/face.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { createImageBuffer } from '../src/engine/imageBuffer.ts';
import { uploadWeights } from '../src/engine/weightBuffer.ts';
import { networksOf } from '../src/engine/weights/layersOf.ts';
import { loadWeights } from '../src/engine/weights/load.ts';
import { manifest } from '../src/engine/weights/manifest.ts';
import { openGpu } from '../src/gpu/device.ts';
import { openScope } from '../src/gpu/plan.ts';
import { MAP_FLOATS, warp } from '../src/kernels/warp.ts';
import { type Pair, parsePairs, score } from './lfwPairs.ts';

const ROOT = fileURLToPath(new URL('../../shared/data/lfw-dev/', import.meta.url));

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'facenet-vggface2' },
    pairs: { type: 'string', default: '1000' },
    crop: { type: 'string', multiple: true },
  },
});

const model = manifest(args.model);
const crops = args.crop?.map(parseCrop) ?? [model.crop];
const views = crops.reduce((sum, crop) => sum + viewsOf(crop), 0);
const gpu = await openGpu();
const detector = createDetector(gpu, await loadWeights('mtcnn'));
const tensors = await loadWeights(model.name);
const [network] = networksOf(model.network, false);
const embedder = createCropNetwork(gpu, {
  network,
  weights: uploadWeights(openScope(gpu), network, tensors),
  sizes: [views],
  words: MAP_FLOATS,
  cut: (scope, image, maps, y) =>
    warp(scope, {
      label: 'crops',
      image,
      maps,
      y,
      order: model.input.order,
      normalise: { mean: model.input.mean, scale: model.input.scale },
    }),
});
const buffer = createImageBuffer(gpu);

const pairs = sample(parsePairs(await readFile(`${ROOT}pairs.txt`, 'utf8')), Number(args.pairs));
const files = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))];
const embeddings = new Map<string, Float32Array[]>();
const started = performance.now();
let busy = 0;
for (const [done, file] of files.entries()) {
  const image = await decodeImage(await readFile(`${ROOT}images/${file}`));
  const from = performance.now();
  const loaded = buffer.load(image);
  const face = central(await detector.detect(loaded, {}), image);
  if (face) {
    const { height, width } = model.input;
    const words = Float32Array.from(
      crops.flatMap((crop) => [...cropMaps([face], crop, height, width)]),
    );
    const [rows] = await embedder.run([{ load: () => loaded, words, count: views }]);
    let at = 0;
    const row = () => rows.subarray((at++ * rows.length) / views, (at * rows.length) / views);
    embeddings.set(
      file,
      // The direction of the sum is that of the mean, and only that counts.
      crops.map(({ mirror }) => (mirror ? sum(row(), row()) : row().slice())),
    );
  }
  busy += performance.now() - from;
  if (done % 10 === 0) progress(done);
}
process.stderr.write('\n');

const missing = files.filter((file) => !embeddings.has(file));
console.log(
  `${model.name}, ${pairs.length} pairs, ${files.length} images on ${gpu.adapter.description}`,
);
console.log(
  `no face in ${missing.length} (${((100 * missing.length) / files.length).toFixed(2)} %)${missing.length ? `: ${missing.join(' ')}` : ''}`,
);
console.log(
  `${(busy / files.length).toFixed(0)} ms per image for detection and ${crops.length} embedding${crops.length > 1 ? 's' : ''}`,
);
for (const [i, crop] of crops.entries()) {
  const result = score(pairs, (file) => embeddings.get(file)?.[i]);
  const { accuracy, deviation, threshold, falseMatches, falseNonMatches } = result;
  console.log(
    `margin ${crop.margin}${crop.square ? ' square' : ''}${crop.align ? ' aligned' : ''}${crop.mirror ? ' mirrored too' : ''}: accuracy ${accuracy.toFixed(4)} ± ${deviation.toFixed(4)} (10-fold)` +
      `; over all pairs at ${threshold.toFixed(3)}: ${falseMatches} false matches, ${falseNonMatches} false non-matches`,
  );
}
await closeDecoder();
gpu.device.destroy();

/** The face LFW means: large and near the middle, as the FaceNet authors choose it. */
function central(faces: readonly Face[], { width, height }: Image): Face | undefined {
  const merit = ({ box: [x, y, w, h] }: Face) =>
    w * h - 2 * ((x + w / 2 - width / 2) ** 2 + (y + h / 2 - height / 2) ** 2);
  return [...faces].sort((a, b) => merit(b) - merit(a))[0];
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + b[i]);
}

/** Evenly spaced, so that same and different pairs keep their shares. */
function sample(all: readonly Pair[], count: number): Pair[] {
  const step = Math.max(1, all.length / count);
  return all.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
}

function parseCrop(text: string): Crop {
  const [margin, ...flags] = text.split(',');
  return {
    margin: Number(margin),
    square: flags.includes('square'),
    align: flags.includes('align'),
    mirror: flags.includes('mirror'),
  };
}

function progress(done: number) {
  const rest = ((performance.now() - started) / (done + 1)) * (files.length - done - 1);
  process.stderr.write(
    `\r${done + 1} of ${files.length} images, ${Math.ceil(rest / 1000)} s left `,
  );
}
