import type { Gpu } from '../gpu/device.ts';
import { closeScope, encode, openScope, type Scope, type Step, storage } from '../gpu/plan.ts';
import { submitAndRead } from '../gpu/readback.ts';
import { binding, type Tensor, unpad } from '../gpu/tensor.ts';
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

/** A network fed with regions of an image, planned for a few batch sizes. */
export interface CropNetwork {
  /**
   * Runs every region; returns for each output the dense rows of all regions in order.
   * `regions` holds the words of one region after the other, as `cut` expects them.
   */
  run(image: GpuImage, regions: Int32Array | Float32Array, count: number): Promise<Float32Array[]>;
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
  const plans = new Map<number, Promise<BatchPlan>>();

  const planFor = (size: number): Promise<BatchPlan> => {
    let made = plans.get(size);
    if (!made) {
      made = planBatch(gpu, options, size);
      plans.set(size, made);
    }
    return made;
  };

  const run: CropNetwork['run'] = async (image, regions, count) => {
    const parts: Float32Array[][] = network.outputs.map(() => []);
    for (const batch of batches(count, sizes)) {
      const { plan, scope, regions: buffer } = await planFor(batch.size);
      const own = regions.slice(batch.from * words, (batch.from + batch.count) * words);
      gpu.device.queue.writeBuffer(buffer, 0, own as Float32Array<ArrayBuffer>);
      // The image differs from call to call, so its step is made anew and its uniforms freed after.
      const cutScope = openScope(scope.gpu);
      const first = await cut(cutScope, image, { buffer }, plan.input);
      const outputs = [...plan.outputs.values()];
      const bytes = await submitAndRead(
        gpu,
        (encoder) => encode(encoder, [first, ...plan.steps]),
        outputs.map((t) => ({ buffer: t.buffer, offset: t.offset, size: binding(t).size! })),
      ).finally(() => closeScope(cutScope));
      outputs.forEach((t, o) => {
        const values = unpad(t, bytes[o]);
        parts[o].push(values.subarray(0, (values.length / batch.size) * batch.count));
      });
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

function join(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
