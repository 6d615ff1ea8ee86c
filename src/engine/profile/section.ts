import type { Gpu } from '../../gpu/device.ts';
import { closeScope, openScope, type Step } from '../../gpu/plan.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import type { Array4 } from '../../kernels/reference.ts';
import type { GpuImage } from '../../kernels/resize.ts';
import { type BatchPlan, type Cut, planBatch } from '../cropNetwork.ts';
import type { Network, Shape } from '../network.ts';
import type { NetworkPlan } from '../networkPlan.ts';
import type { PlannedStep } from '../plannedStep.ts';
import { uploadWeights } from '../weightBuffer.ts';
import type { Tensors } from '../weights/tensor.ts';
import { checkStep, type Expected, type Parity } from './parity.ts';

/** A step that is profiled. */
export interface Subject {
  readonly name: string;
  readonly step: Step;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  /** Runs it by itself, after those before it, and compares what it makes with the scalar reference. */
  check(gpu: Gpu): Promise<Parity>;
}

/** A run of a network: `feed` writes its input, then its steps follow. */
export interface Part {
  readonly network: Network;
  readonly tensors: Tensors;
  readonly feed: Step;
  readonly plan: NetworkPlan;
}

/** Steps that are run together. */
export interface Section {
  readonly name: string;
  readonly subjects: readonly Subject[];
  readonly parts: readonly Part[];
  /** Buffers whose content must come from this run and from no other. */
  readonly arenas: readonly GPUBuffer[];
  /** To be called before each run. */
  reset(): void;
  close(): void;
}

/** What a section over crops of an image is made of. */
export interface CropSection {
  readonly network: Network;
  readonly tensors: Tensors;
  readonly cut: Cut;
  /** The words of all regions. */
  readonly regions: Int32Array | Float32Array;
  readonly batch: number;
  /** What the crops should be, N H W C. */
  readonly crops: (shape: Shape) => Expected;
}

/** A network fed with regions of an image, as embedders and R- and O-Net are. */
export async function cropSection(gpu: Gpu, image: GpuImage, crop: CropSection): Promise<Section> {
  const { network, tensors, cut, regions, batch } = crop;
  const scope = openScope(gpu);
  let made: BatchPlan | undefined;
  const close = () => {
    if (made) closeScope(made.scope);
    closeScope(scope);
  };
  try {
    const words = regions.length / batch;
    const weights = uploadWeights(scope, network, tensors);
    made = await planBatch(gpu, { network, weights, words }, batch);
    const { plan, regions: buffer } = made;
    gpu.device.queue.writeBuffer(buffer, 0, regions as Float32Array<ArrayBuffer>);
    const feed = await cut(scope, image, { buffer }, plan.input);
    const first = pictureSubject(feed, plan.input, () => crop.crops(plan.input.shape), 'crops');
    return {
      name: network.name,
      subjects: [first, ...layerSubjects(plan, tensors)],
      parts: [{ network, tensors, feed, plan }],
      arenas: [plan.input.buffer],
      reset: () => undefined,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** The steps of a network's plan. */
export function layerSubjects(plan: NetworkPlan, tensors: Tensors, prefix = ''): Subject[] {
  return plan.steps.map((step: PlannedStep): Subject => {
    const { layer, inputs, output, reference } = step;
    return {
      name: prefix + (layer.op === 'concat' ? `${step.label} of ${layer.xs[0]}` : step.label),
      step,
      inputs: inputs.map(({ shape }) => shape),
      output: output.shape,
      check: (gpu) =>
        checkStep(gpu, step, inputs, output, (x: readonly Array4[]) => reference(x, tensors)),
    };
  });
}

/** Coordinates in an image are f32 too: a hundredth of a grey value in an image of 1000 pixels. */
const PICTURE_RTOL = 1e-4;

/** A step that cuts pictures out of the image. */
export function pictureSubject(
  step: Step,
  output: Tensor,
  reference: () => Expected,
  name: string,
): Subject {
  return {
    name,
    step,
    inputs: [],
    output: output.shape,
    check: (gpu) => checkStep(gpu, step, [], output, reference, PICTURE_RTOL),
  };
}
