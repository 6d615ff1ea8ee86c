import type { Gpu } from '../../gpu/device.ts';
import { closeScope, openScope } from '../../gpu/plan.ts';
import { submitAndRead } from '../../gpu/readback.ts';
import { readCandidates } from '../../kernels/candidates.ts';
import { resizeReference } from '../../kernels/imageReference.ts';
import type { GpuImage } from '../../kernels/resize.ts';
import { cutBoxes, NORMALISE } from '../detect.ts';
import type { Image } from '../image/image.ts';
import { onet, pnet, rnet } from '../networks/mtcnn.ts';
import { type BandPlan, type ProposalPlan, planProposals } from '../proposals.ts';
import { pyramid } from '../pyramid.ts';
import { uploadWeights } from '../weightBuffer.ts';
import type { Tensors } from '../weights/tensor.ts';
import { compare, type Pair, type Parity, readTensors } from './parity.ts';
import {
  cropSection,
  layerSubjects,
  pictureSubject,
  type Section,
  type Subject,
} from './section.ts';

const THRESHOLD = 0.6;
/** Grey values this near to a half may be rounded up by one and down by the other. */
const TIE = 0.02;

/** P-Net over the pyramid of an image. */
export async function proposalSection(
  gpu: Gpu,
  image: Image,
  loaded: GpuImage,
  tensors: Tensors,
): Promise<Section> {
  const scope = openScope(gpu);
  try {
    const levels = pyramid(image.width, image.height, 20, 0.709);
    const weights = uploadWeights(scope, pnet, tensors);
    const plan = await planProposals(gpu, weights, loaded, levels, THRESHOLD, NORMALISE);
    return {
      name: 'pnet',
      subjects: plan.bands.flatMap((band) => bandSubjects(plan, band, image, tensors)),
      parts: plan.bands.map(({ net, resize }) => {
        return { network: pnet, tensors, feed: resize, plan: net };
      }),
      arenas: plan.bands.slice(0, 1).map(({ net }) => net.input.buffer),
      reset: () => gpu.device.queue.writeBuffer(plan.count, 0, new Uint32Array(1)),
      close() {
        plan.destroy();
        closeScope(scope);
      },
    };
  } catch (error) {
    closeScope(scope);
    throw error;
  }
}

/** R- and O-Net on as many boxes of the image. */
export async function refinementSections(
  gpu: Gpu,
  image: Image,
  loaded: GpuImage,
  tensors: Tensors,
  batch: number,
): Promise<Section[]> {
  const boxes = Array.from({ length: batch }, (_, i): Box => {
    const side = 20 + ((i * 29) % 150);
    // Some overhang, as those of faces at the edge do.
    return [((i * 61) % image.width) - 8, ((i * 37) % image.height) - 8, side, side];
  });
  const sections: Section[] = [];
  try {
    for (const network of [rnet, onet])
      sections.push(
        await cropSection(gpu, loaded, {
          network,
          tensors,
          regions: new Int32Array(boxes.flat()),
          batch,
          cut: cutBoxes(network.name),
          crops: ([, h, w]) => {
            const pictures = boxes.map((box) => resizeReference(image, box, h, w));
            return (n, y, x, c) => normalised(pictures[n][(y * w + x) * 3 + c], c);
          },
        }),
      );
    return sections;
  } catch (error) {
    for (const section of sections) section.close();
    throw error;
  }
}

type Box = [x: number, y: number, w: number, h: number];

function normalised(v: number, c: number): number {
  return (v - NORMALISE.mean[c]) * NORMALISE.scale;
}

function bandSubjects(
  plan: ProposalPlan,
  bandPlan: BandPlan,
  image: Image,
  tensors: Tensors,
): Subject[] {
  const { resize, net, head, collect, width, height, band } = bandPlan;
  const prefix = `${resize.label}/`;
  const resized = () => {
    const whole: Box = [0, 0, image.width, image.height];
    const picture = resizeReference(image, whole, height, width);
    return (_n: number, y: number, x: number, c: number) => {
      const v = picture[((band.first + y) * width + x) * 3 + c];
      return Math.abs(v - Math.floor(v) - 0.5) < TIE ? null : normalised(Math.round(v), c);
    };
  };
  return [
    pictureSubject(resize, net.input, resized, `${prefix}resize`),
    ...layerSubjects(net, tensors, prefix),
    {
      name: `${prefix}candidates`,
      step: collect,
      inputs: [head.shape],
      output: [1, head.shape[1], head.shape[2], 1],
      check: (gpu) => checkCandidates(gpu, plan, bandPlan),
    },
  ];
}

/** Compares the probability of each cell, 0 where it is below the threshold. */
async function checkCandidates(
  gpu: Gpu,
  { count, found }: ProposalPlan,
  { head, collect, band }: BandPlan,
): Promise<Parity> {
  gpu.device.queue.writeBuffer(count, 0, new Uint32Array(1));
  const [logits] = await readTensors(gpu, [collect], [head]);
  const [countBytes, foundBytes] = await submitAndRead(gpu, () => undefined, [
    { buffer: count, offset: 0, size: 4 },
    { buffer: found, offset: 0, size: found.size },
  ]);
  const total = new Uint32Array(countBytes)[0];
  const [, h, w] = head.shape;
  const scores = new Float32Array(h * w);
  for (const { row, col, score } of readCandidates(foundBytes, total))
    scores[(row - band.cellRow) * w + col] = score;
  const pairs = Array.from(scores, (score, i): Pair => {
    const [no, yes] = logits.data.subarray(i * 6, i * 6 + 2);
    const expected = 1 / (1 + Math.exp(no - yes));
    // One on the very threshold may fall to either side.
    const undecided = Math.abs(expected - THRESHOLD) < 1e-5;
    return [score, undecided ? score : expected < THRESHOLD ? 0 : expected];
  });
  return compare(pairs, pairs.length);
}
