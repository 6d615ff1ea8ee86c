import { FacegraphError } from '../errors.ts';
import type { Gpu } from '../gpu/device.ts';
import { closeScope, encode, openScope, type Scope, type Step, storage } from '../gpu/plan.ts';
import { submitAndRead } from '../gpu/readback.ts';
import type { Tensor } from '../gpu/tensor.ts';
import {
  CANDIDATE_WORDS,
  type Candidate,
  candidates,
  readCandidates,
} from '../kernels/candidates.ts';
import { type GpuImage, type Normalise, resize } from '../kernels/resize.ts';
import { layOutNetwork, type NetworkPlan, planNetwork } from './networkPlan.ts';
import { pnet } from './networks/mtcnn.ts';
import { type Band, bands, type Level } from './pyramid.ts';
import type { WeightBuffer } from './weightBuffer.ts';

/** P-Net over every level of one image size, planned once. */
export interface ProposalPlan {
  /**
   * Every cell whose probability reaches the threshold, in reading order of the levels.
   * @throws FacegraphError `InvalidInput` for more than `MAX_CANDIDATES`.
   */
  run(): Promise<Candidate[]>;
  /** What a run does, in order. */
  readonly bands: readonly BandPlan[];
  /** Cells found, of the bands run since it was 0, and the cells themselves, as candidates.wgsl has them. */
  readonly count: GPUBuffer;
  readonly found: GPUBuffer;
  destroy(): void;
}

/** The work on one band of a level. */
export interface BandPlan {
  readonly level: number;
  readonly width: number;
  /** Height of the level, and the rows of it that this band takes. */
  readonly height: number;
  readonly band: Band;
  readonly resize: Step;
  readonly net: NetworkPlan;
  readonly head: Tensor;
  readonly collect: Step;
}

/** Activations of one band take at most this much, under every adapter's binding limit. */
const BAND_BYTES = 64 << 20;
/** Candidates the first try has room for; more cost a second run. */
const CAPACITY = 1 << 15;
/** Candidates that come with their number, 64 KiB: photographs have hundreds. More are fetched after it. */
const EXPECTED = 1 << 11;
const CANDIDATE_BYTES = CANDIDATE_WORDS * 4;
/**
 * More than a crowd of 20-pixel faces has on 40 megapixels (4 megapixels of one had 10,434). Each costs
 * the GPU a crop, so low thresholds could else keep it busy for hours.
 */
export const MAX_CANDIDATES = 1 << 17;

/** Plans all levels into one list of steps that work in one arena, one after the other. */
export async function planProposals(
  gpu: Gpu,
  weights: WeightBuffer,
  image: GpuImage,
  levels: readonly Level[],
  threshold: number,
  normalise: Normalise,
): Promise<ProposalPlan> {
  const scope = openScope(gpu);
  const work = levels.flatMap((level, index) =>
    bands(level, BAND_BYTES).map((band) => ({
      level,
      index,
      band,
      layout: layOutNetwork(pnet, [1, band.rows, level.width, 3]),
    })),
  );
  const arena = storage(scope, Math.max(...work.map((w) => w.layout.arena.bytes)), 'pnet arena');
  const count = storage(scope, 4, 'candidate count');
  const box = storage(scope, 16, 'image box');
  gpu.device.queue.writeBuffer(box, 0, new Int32Array([0, 0, image.width, image.height]));

  const plan = (inner: Scope, found: GPUBuffer): Promise<BandPlan[]> =>
    Promise.all(
      work.map(async ({ level, index, band, layout }): Promise<BandPlan> => {
        const label = `level ${index} ${level.width}×${level.height}${where(band)}`;
        const net = await planNetwork(inner, layout, weights, arena);
        const rows = { first: band.first, full: level.height };
        const boxes = { buffer: box };
        const args = { label, image, boxes, y: net.input, rows, round: true, normalise };
        const head = net.outputs.get('pnet/head')!;
        const first = band.cellRow;
        const { width, height } = level;
        return {
          level: index,
          width,
          height,
          band,
          net,
          head,
          resize: await resize(inner, args),
          collect: await candidates(inner, {
            label,
            head,
            level: index,
            first,
            threshold,
            count,
            found,
          }),
        };
      }),
    );

  const attempt = async (plans: readonly BandPlan[], found: GPUBuffer, expected: number) => {
    const steps = plans.flatMap(({ resize, net, collect }) => [resize, ...net.steps, collect]);
    const [countBytes, first] = await submitAndRead(
      gpu,
      (encoder) => {
        encoder.clearBuffer(count);
        encode(encoder, steps);
      },
      [
        { buffer: count, offset: 0, size: 4 },
        { buffer: found, offset: 0, size: expected * CANDIDATE_BYTES },
      ],
    );
    const [total] = new Uint32Array(countBytes);
    const size = total * CANDIDATE_BYTES;
    if (total <= expected || size > found.size) return { total, bytes: first };
    const [bytes] = await submitAndRead(gpu, () => undefined, [{ buffer: found, offset: 0, size }]);
    return { total, bytes };
  };

  const found = storage(scope, CAPACITY * CANDIDATE_BYTES, 'candidates');
  const bandPlans = await plan(scope, found);
  return {
    bands: bandPlans,
    count,
    found,
    async run() {
      const first = await attempt(bandPlans, found, EXPECTED);
      if (first.total <= CAPACITY) return readCandidates(first.bytes, first.total);
      if (first.total > MAX_CANDIDATES)
        throw new FacegraphError(
          'InvalidInput',
          `${first.total} places of the image may be faces, more than ${MAX_CANDIDATES}: raise thresholds[0] or minFaceSize, or send a smaller image`,
        );
      const inner = openScope(gpu);
      try {
        const room = storage(inner, first.total * CANDIDATE_BYTES, 'candidates');
        const second = await attempt(await plan(inner, room), room, first.total);
        return readCandidates(second.bytes, second.total);
      } finally {
        closeScope(inner);
      }
    },
    destroy: () => closeScope(scope),
  };
}

function where(band: Band): string {
  return band.first > 0 ? ` from row ${band.first}` : '';
}
