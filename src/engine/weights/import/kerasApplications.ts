import type { SourceNames } from '../fold.ts';
import type { WeightedLayer } from '../layersOf.ts';

const BRANCH: Record<string, string> = {
  '1x1_reduce': 'branch2a',
  '3x3': 'branch2b',
  '1x1_increase': 'branch2c',
  '1x1_proj': 'branch1',
};

/** Names of weights in the ResNet50 of keras-applications, e.g. `res2a_branch2a/kernel`. */
export function kerasApplicationsNames({ name }: WeightedLayer): SourceNames {
  const [convolution, batchNorm] = layerNames(name);
  return {
    weight: `${convolution}/kernel`,
    bias: `${convolution}/bias`,
    batchNorm: {
      gamma: `${batchNorm}/gamma`,
      beta: `${batchNorm}/beta`,
      mean: `${batchNorm}/moving_mean`,
      variance: `${batchNorm}/moving_variance`,
    },
  };
}

function layerNames(name: string): [convolution: string, batchNorm: string] {
  if (name === 'conv1/7x7_s2') return ['conv1', 'bn_conv1'];
  const match = /^conv(\d)_(\d)_(.+)$/.exec(name);
  if (!match) return ['fc1000', ''];
  const [, stage, block, part] = match;
  const id = `${stage}${'abcdef'[Number(block) - 1]}_${BRANCH[part]}`;
  return [`res${id}`, `bn${id}`];
}
