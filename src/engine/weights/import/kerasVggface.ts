import type { SourceNames } from '../fold.ts';
import type { WeightedLayer } from '../layersOf.ts';

/** Names of weights in keras-vggface's ResNet50 and SENet50. */
export function kerasVggfaceNames({ name }: WeightedLayer): SourceNames {
  return {
    weight: `${name}/kernel:0`,
    bias: `${name}/bias:0`,
    batchNorm: {
      gamma: `${name}/bn/gamma:0`,
      beta: `${name}/bn/beta:0`,
      mean: `${name}/bn/moving_mean:0`,
      variance: `${name}/bn/moving_variance:0`,
    },
  };
}
