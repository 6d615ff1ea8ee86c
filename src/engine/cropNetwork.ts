import type { Gpu } from '../gpu/device.ts';
import { closeScope, encode, openScope, type Scope, type Step, storage } from '../gpu/plan.ts';
import { submit, submitAndRead } from '../gpu/readback.ts';
import { binding, byteLength, type Tensor, unpad } from '../gpu/tensor.ts';
import type { GpuImage } from '../kernels/resize.ts';
import { batches } from './batches.ts';
import type { Network } from './network.ts';
import { layOutNetwork, type NetworkPlan, planNetwork } from './networkPlan.ts';
import type { WeightBuffer } from './weightBuffer.ts';

/** Makes the step that cuts the network's input batch out of the image. */
export type Cut = (
  scope: Scope,
  image: GpuImage,
  regions: GPUBufferBinding,
  y: Tensor,
) => Promise<Step>;

/** Regions of one image. */
export interface Regions {
  /** Brings the image onto the GPU, where it may take the place of the one before. */
  load(): GpuImage;
  /** The words of one region after the other, as `cut` expects them. */
  readonly words: Int32Array | Float32Array;
  readonly count: number;
}

/** A network fed with regions of images, planned for a few batch sizes. */
export interface CropNetwork {
  /**
   * Runs every region, those of several images in the same batches; returns for each output the dense
   * rows of all regions in order. A row does not depend on the others of its batch.
   */
  run(images: readonly Regions[]): Promise<Float32Array[]>;
  /** Plans every batch size and dispatches each pipeline once, since drivers compile that late. */
  warmUp(image: GpuImage): Promise<void>;
  destroy(): void;
}

export interface CropNetworkOptions {
  readonly network: Network;
  readonly weights: WeightBuffer;
  readonly cut: Cut;
  /** Batch sizes, ascending. */
  readonly sizes: readonly number[];
  /** What a run costs on a software adapter beside its regions, in regions; see `batches`. */
  readonly start: number;
  /** Words of one region. */
  readonly words: number;
}

/** A network planned for one batch size; whoever has it closes its scope. */
export interface BatchPlan {
  readonly plan: NetworkPlan;
  readonly scope: Scope;
  readonly regions: GPUBuffer;
}

/** Plans `size` regions of `words` words each. */
export async function planBatch(
  gpu: Gpu,
  { network, weights, words }: Pick<CropNetworkOptions, 'network' | 'weights' | 'words'>,
  size: number,
): Promise<BatchPlan> {
  const scope = openScope(gpu);
  const layout = layOutNetwork(network, [size, ...network.input]);
  const arena = storage(scope, layout.arena.bytes, `${network.name} arena × ${size}`);
  const regions = storage(scope, size * words * 4, `${network.name} regions × ${size}`);
  return { plan: await planNetwork(scope, layout, weights, arena), scope, regions };
}

export function createCropNetwork(gpu: Gpu, options: CropNetworkOptions): CropNetwork {
  const { network, cut, sizes, words } = options;
  // A GPU that a small batch leaves idle takes as long for a larger one. Nobody has measured where that
  // ends, so a run counts there as much as half of the largest.
  const start = gpu.adapter.software ? options.start : sizes[sizes.length - 1] / 2;
  const plans = new Map<number, Promise<BatchPlan>>();

  const planFor = (size: number): Promise<BatchPlan> => {
    let made = plans.get(size);
    if (!made) {
      made = planBatch(gpu, options, size);
      plans.set(size, made);
    }
    return made;
  };

  // Regions [from, to) of all images together, as the rows of `plan.input` from its first on. All but
  // the last image's are cut at once, since the next image takes its place in memory.
  const cutAll = async (
    scope: Scope,
    { plan, regions: buffer }: BatchPlan,
    images: readonly Regions[],
    [from, to]: readonly [number, number],
  ): Promise<Step> => {
    const { input } = plan;
    let last: Step | undefined;
    let first = 0;
    for (const { load, words: all, count } of images) {
      const [begin, end] = [Math.max(from, first), Math.min(to, first + count)];
      first += count;
      if (begin >= end) continue;
      if (last) {
        const cutBefore = last;
        submit(gpu, (encoder) => encode(encoder, [cutBefore]));
      }
      const own = all.slice((begin - first + count) * words, (end - first + count) * words);
      gpu.device.queue.writeBuffer(buffer, 0, own as Float32Array<ArrayBuffer>);
      last = await cut(scope, load(), { buffer }, rowsOf(input, begin - from, end - begin));
    }
    return last!;
  };

  const run: CropNetwork['run'] = async (images) => {
    const total = images.reduce((sum, { count }) => sum + count, 0);
    const parts: Float32Array[][] = network.outputs.map(() => []);
    for (const batch of batches(total, sizes, start)) {
      const made = await planFor(batch.size);
      const outputs = [...made.plan.outputs.values()];
      // Images differ from call to call, so their steps are made anew and the uniforms freed after.
      const cutScope = openScope(gpu);
      try {
        const range = [batch.from, batch.from + batch.count] as const;
        const first = await cutAll(cutScope, made, images, range);
        const bytes = await submitAndRead(
          gpu,
          (encoder) => encode(encoder, [first, ...made.plan.steps]),
          outputs.map((t) => ({ buffer: t.buffer, offset: t.offset, size: binding(t).size! })),
        );
        outputs.forEach((t, o) => {
          const values = unpad(t, bytes[o]);
          parts[o].push(values.subarray(0, (values.length / batch.size) * batch.count));
        });
      } finally {
        closeScope(cutScope);
      }
    }
    return parts.map(join);
  };

  return {
    run,
    async warmUp(image) {
      const seen = new Set<GPUComputePipeline>();
      for (const size of sizes) {
        const { plan, scope, regions } = await planFor(size);
        const cutScope = openScope(scope.gpu);
        const first = await cut(cutScope, image, { buffer: regions }, plan.input);
        const fresh = [first, ...plan.steps].filter(({ pipeline }) => {
          const known = seen.has(pipeline);
          seen.add(pipeline);
          return !known;
        });
        const { buffer, offset } = plan.input;
        await submitAndRead(gpu, (encoder) => encode(encoder, fresh), [
          { buffer, offset, size: 4 },
        ]).finally(() => closeScope(cutScope));
      }
    },
    destroy() {
      for (const plan of plans.values()) void plan.then(({ scope }) => closeScope(scope));
      plans.clear();
    },
  };
}

/** Some of the N of a tensor. Of an input: a batch's rows begin at multiples of a binding's alignment. */
function rowsOf(t: Tensor, first: number, count: number): Tensor {
  const [, h, w, c] = t.shape;
  return { ...t, offset: t.offset + byteLength([first, h, w, c]), shape: [count, h, w, c] };
}

function join(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
