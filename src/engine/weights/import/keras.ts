import { type Dataset, File, Group, ready } from 'h5wasm/node';
import { FacegraphError } from '../../../errors.ts';
import type { SourceNames } from '../fold.ts';
import type { WeightedLayer } from '../layersOf.ts';
import type { Tensors } from '../tensor.ts';

/** Root attribute of a file made by `formula.ts`. */
export const FORMULA_ATTRIBUTE = 'facegraph_formula';

export interface KerasWeights {
  readonly tensors: Tensors;
  /** The file holds made-up numbers for tests, not a trained model. */
  readonly formula: boolean;
}

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

/**
 * The tensors of a Keras HDF5 weights file by their weight names, e.g. `conv1/7x7_s2/kernel:0`.
 * As Keras does, it follows the attributes `layer_names` and `weight_names`, not the tree.
 * @throws FacegraphError `WeightsInvalid` when the file is not such a file.
 */
export async function readKeras(path: string): Promise<KerasWeights> {
  await ready;
  const file = open(path);
  try {
    const tensors: Tensors = new Map();
    for (const layer of namesIn(file, 'layer_names')) {
      const group = file.get(layer);
      if (!(group instanceof Group)) throw invalid(`layer ${layer} is missing`);
      for (const name of namesIn(group, 'weight_names')) {
        const dataset = group.get(name);
        if (!dataset || !('shape' in dataset)) throw invalid(`${name} is missing`);
        const { shape, value } = dataset as Dataset;
        if (!(value instanceof Float32Array) || !shape) throw invalid(`${name} is not float32`);
        tensors.set(name, { shape, data: value });
      }
    }
    return { tensors, formula: FORMULA_ATTRIBUTE in file.attrs };
  } finally {
    file.close();
  }
}

function open(path: string): File {
  try {
    const file = new File(path, 'r');
    if (file.file_id > 0n) return file;
  } catch {
    // h5wasm reports what HDF5 said only on its own console.
  }
  throw invalid('HDF5 cannot open it');
}

function namesIn(group: Group, attribute: string): string[] {
  const value = group.attrs[attribute]?.value;
  if (!Array.isArray(value)) throw invalid(`${group.path} has no ${attribute}`);
  return value.map(String);
}

function invalid(reason: string): FacegraphError {
  return new FacegraphError('WeightsInvalid', `not a Keras weights file: ${reason}`);
}
