import { Dataset, File, Group, ready } from 'h5wasm/node';
import { FacegraphError } from '../../../errors.ts';
import type { Tensors } from '../tensor.ts';

/** Root attribute of a file made by `formula.ts`. */
export const FORMULA_ATTRIBUTE = 'facegraph_formula';

export interface KerasWeights {
  readonly tensors: Tensors;
  /** The file holds made-up numbers for tests, not a trained model. */
  readonly formula: boolean;
}

/**
 * The tensors of a Keras HDF5 weights file by their weight names, e.g. `conv1/7x7_s2/kernel:0`.
 * As Keras does, it follows the attributes `layer_names` and `weight_names`, not the tree.
 * @throws FacegraphError `WeightsInvalid` when the file is not such a file.
 */
export async function readKeras(path: string): Promise<KerasWeights> {
  const module = await ready;
  // Else HDF5 prints its stack on stderr and h5wasm answers with half an object.
  module.activate_throwing_error_handler();
  try {
    const file = new File(path, 'r');
    try {
      return { tensors: tensorsIn(file), formula: FORMULA_ATTRIBUTE in file.attrs };
    } finally {
      file.close();
    }
  } catch (error) {
    throw error instanceof FacegraphError ? error : invalid('HDF5 cannot read it');
  }
}

function tensorsIn(file: File): Tensors {
  const tensors: Tensors = new Map();
  for (const layer of namesIn(file, 'layer_names')) {
    const group = file.get(layer);
    if (!(group instanceof Group)) throw invalid(`layer ${layer} is missing`);
    for (const name of namesIn(group, 'weight_names')) {
      const dataset = group.get(name);
      if (!(dataset instanceof Dataset)) throw invalid(`${name} is missing`);
      const { shape, value } = dataset;
      if (!(value instanceof Float32Array) || !shape) throw invalid(`${name} is not float32`);
      tensors.set(name, { shape, data: value });
    }
  }
  return tensors;
}

function namesIn(group: Group, attribute: string): string[] {
  const found = group.attrs[attribute];
  if (!found) throw invalid(`${group.path} has no ${attribute}`);
  // A layer without weights, such as an activation, has an empty list of numbers.
  return found.shape?.includes(0) ? [] : (found.value as string[]);
}

function invalid(reason: string): FacegraphError {
  return new FacegraphError('WeightsInvalid', `not a Keras weights file: ${reason}`);
}
