import type { Step } from '../gpu/plan.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Array4, Element } from '../kernels/reference.ts';
import type { Layer } from './network.ts';
import type { Parameter } from './weightBuffer.ts';

/** A step and what it makes: `output` for `layer` out of `inputs`. */
export interface PlannedStep extends Step {
  /** A part that is copied into a concatenation is a concatenation of this one part. */
  readonly layer: Layer;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** What the output should be, by the network's folded parameters. */
  readonly reference: (
    inputs: readonly Array4[],
    parameters: ReadonlyMap<string, Parameter>,
  ) => Element;
}
