import { FacegraphError } from '../errors.ts';
import type { Gpu } from '../gpu/device.ts';
import { closeScope, openScope } from '../gpu/plan.ts';
import { type GpuImage, type Normalise, resize } from '../kernels/resize.ts';
import { type Corners, nms, regress, type ScoredBox, square, truncate } from './boxes.ts';
import {
  type CropNetwork,
  type CropNetworkOptions,
  type Cut,
  createCropNetwork,
} from './cropNetwork.ts';
import type { DetectOptions } from './engine.ts';
import type { Face, Point } from './face.ts';
import { onet, pnet, rnet } from './networks/mtcnn.ts';
import { proposalBoxes } from './proposalBoxes.ts';
import { type ProposalPlan, planProposals } from './proposals.ts';
import { type Level, pyramid, WARM_LEVELS } from './pyramid.ts';
import { type Parameter, uploadWeights } from './weightBuffer.ts';

/** MTCNN on one device. Calls must not overlap. */
export interface Detector {
  /** Every face of the image, best confidence first. */
  detect(image: GpuImage, options: DetectOptions): Promise<Face[]>;
  /** Compiles every pipeline. */
  warmUp(image: GpuImage): Promise<void>;
  destroy(): void;
}

/** What the three networks expect. */
export const NORMALISE: Normalise = { mean: [127.5, 127.5, 127.5], scale: 1 / 128 };
const RNET = { sizes: [4, 16, 64, 256], start: 2 };
const ONET = { sizes: [1, 4, 16, 64], start: 0.5 };
/** Image sizes whose P-Net plan is kept; cameras send one size, albums a few. */
const KEPT_PLANS = 4;

/** The cascade of mtcnn 0.1 with its weights on the GPU. */
export function createDetector(gpu: Gpu, tensors: ReadonlyMap<string, Parameter>): Detector {
  const scope = openScope(gpu);
  const pnetWeights = uploadWeights(scope, pnet, tensors);
  const refine = cropNetwork(gpu, rnet, uploadWeights(scope, rnet, tensors), RNET);
  const output = cropNetwork(gpu, onet, uploadWeights(scope, onet, tensors), ONET);
  const plans = new Map<string, { plan: ProposalPlan; levels: Level[] }>();

  const proposals = async (image: GpuImage, options: Required<DetectOptions>) => {
    const { minFaceSize, thresholds, scaleFactor } = options;
    const { width, height } = image;
    // A new image buffer (it grows) makes plans that bind the old one useless.
    const key = [image.buffer.size, width, height, minFaceSize, scaleFactor, thresholds[0]].join();
    let entry = plans.get(key);
    plans.delete(key);
    if (!entry) {
      const levels = pyramid(width, height, minFaceSize, scaleFactor);
      if (levels.length === 0) return [];
      const plan = await planProposals(gpu, pnetWeights, image, levels, thresholds[0], NORMALISE);
      entry = { plan, levels };
    }
    plans.set(key, entry);
    for (const [old, { plan }] of [...plans].slice(0, -KEPT_PLANS)) {
      plan.destroy();
      plans.delete(old);
    }
    return proposalBoxes(await entry.plan.run(), entry.levels);
  };

  const score = async (net: CropNetwork, image: GpuImage, boxes: readonly Corners[]) => {
    const regions = new Int32Array(
      boxes.flatMap(([x1, y1, x2, y2]) => [x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1]),
    );
    const [head] = await net.run([{ load: () => image, words: regions, count: boxes.length }]);
    const width = head.length / Math.max(1, boxes.length);
    return boxes.map((corners, i) => {
      const row = head.subarray(i * width, (i + 1) * width);
      return { corners, row, score: 1 / (1 + Math.exp(row[0] - row[1])) };
    });
  };

  return {
    async detect(image, options) {
      const all = complete(options);
      const first = (await proposals(image, all)).map(truncate).filter(hasArea);
      const refined = (await score(refine, image, first)).filter(
        (b) => b.score > all.thresholds[1],
      );
      const second = nms(refined, 0.7, 'union')
        .map((i) => truncate(square(regressed(refined[i]).corners)))
        .filter(hasArea);
      const scored = (await score(output, image, second)).filter(
        (b) => b.score > all.thresholds[2],
      );
      const last = scored.map((b) => ({ ...regressed(b), points: landmarks(b.corners, b.row) }));
      return nms(last, 0.7, 'min').map((i) => face(last[i], image));
    },
    async warmUp(image) {
      const [threshold] = complete({}).thresholds;
      const plan = await planProposals(gpu, pnetWeights, image, WARM_LEVELS, threshold, NORMALISE);
      await plan.run().finally(plan.destroy);
      await refine.warmUp(image);
      await output.warmUp(image);
    },
    destroy() {
      for (const { plan } of plans.values()) plan.destroy();
      refine.destroy();
      output.destroy();
      closeScope(scope);
    },
  };
}

function cropNetwork(
  gpu: Gpu,
  network: typeof rnet,
  weights: ReturnType<typeof uploadWeights>,
  runs: Pick<CropNetworkOptions, 'sizes' | 'start'>,
): CropNetwork {
  return createCropNetwork(gpu, {
    network,
    weights,
    ...runs,
    words: 4,
    cut: cutBoxes(network.name),
  });
}

/** Cuts boxes x y w h for R- and O-Net. */
export function cutBoxes(name: string): Cut {
  return (scope, image, boxes, y) =>
    resize(scope, {
      label: `${name} crops`,
      image,
      boxes,
      y,
      rows: { first: 0, full: y.shape[1] },
      round: false,
      normalise: NORMALISE,
    });
}

function complete(options: DetectOptions): Required<DetectOptions> {
  const all = {
    minFaceSize: options.minFaceSize ?? 20,
    thresholds: options.thresholds ?? ([0.6, 0.7, 0.7] as const),
    scaleFactor: options.scaleFactor ?? 0.709,
  };
  // Below one cell a level would be larger than the image and the first levels hide no smaller face.
  if (!(all.minFaceSize >= 12))
    throw new FacegraphError('InvalidInput', `minFaceSize ${all.minFaceSize} is below 12 pixels`);
  if (!(all.scaleFactor > 0 && all.scaleFactor <= 0.95))
    throw new FacegraphError('InvalidInput', `scaleFactor ${all.scaleFactor} is not in (0, 0.95]`);
  if (all.thresholds.length !== 3 || !all.thresholds.every((t) => t >= 0 && t <= 1))
    throw new FacegraphError(
      'InvalidInput',
      `thresholds ${all.thresholds} are not three of 0 to 1`,
    );
  return all;
}

function hasArea([x1, y1, x2, y2]: Corners): boolean {
  return x2 >= x1 && y2 >= y1;
}

function regressed({ corners, row, score }: ScoredBox & { row: Float32Array }): ScoredBox {
  const w = corners[2] - corners[0] + 1;
  const h = corners[3] - corners[1] + 1;
  return { corners: regress(corners, [row[2], row[3], row[4], row[5]], w, h), score };
}

function landmarks(box: Corners, row: Float32Array): Point[] {
  const w = box[2] - box[0] + 1;
  const h = box[3] - box[1] + 1;
  return [0, 1, 2, 3, 4].map((i) => [box[0] + row[6 + i] * w - 1, box[1] + row[11 + i] * h - 1]);
}

function face({ corners, score, points }: ScoredBox & { points: Point[] }, image: GpuImage): Face {
  const [x1, y1] = [Math.max(0, Math.trunc(corners[0])), Math.max(0, Math.trunc(corners[1]))];
  const x2 = Math.min(image.width, Math.trunc(corners[2]));
  const y2 = Math.min(image.height, Math.trunc(corners[3]));
  const [leftEye, rightEye, nose, mouthLeft, mouthRight] = points;
  return {
    box: [x1, y1, x2 - x1, y2 - y1],
    confidence: score,
    landmarks: { leftEye, rightEye, nose, mouthLeft, mouthRight },
  };
}
