import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { File, type Group, ready } from 'h5wasm/node';
import { published } from './fold.ts';
import { FORMULA_ATTRIBUTE } from './import/keras.ts';
import { kerasVggfaceNames } from './import/kerasVggface.ts';
import { importWeights } from './importers.ts';
import { layersOf } from './layersOf.ts';
import { sizeOf, type Tensor, type Tensors } from './tensor.ts';

/**
 * Made-up weights for tests and benches of the VGGFace2 networks, whose genuine files cannot be had
 * everywhere. Never in the cache of genuine weights: the file is marked and its import refused.
 *
 * A value depends only on the tensor's Keras name and its flat index i: an integer hash of both (the
 * name by FNV-1a, the mixing of MurmurHash3's finaliser) becomes u in [-1, 1), and the value is
 * base + spread · u. Kernels spread as He's initialisation does, so that activations keep their size
 * through fifty layers; the last batch norm of each block is kept small for the same reason.
 */
export type FormulaModel = 'senet50-vggface2' | 'resnet50-vggface2';

/** The folded parameters of a network on formula weights, by way of a Keras file and its importer. */
export async function importFormula(model: FormulaModel, classifier: boolean): Promise<Tensors> {
  const directory = await mkdtemp(join(tmpdir(), 'facegraph-formula-'));
  try {
    const path = join(directory, `${model}.h5`);
    await writeFormula(path, model, classifier);
    return (await importWeights('keras-vggface', model, [path])).tensors;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Writes formula weights as keras-vggface saves its own: same layers, names, shapes and order. */
export async function writeFormula(
  path: string,
  model: FormulaModel,
  classifier: boolean,
): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  try {
    file.create_attribute(FORMULA_ATTRIBUTE, 1);
    const layers = kerasLayers(model, classifier);
    writeNames(file, 'layer_names', ['input_1', ...layers.keys()]);
    // Layers without weights have an empty list, which h5py types as numbers.
    file.create_group('input_1').create_attribute('weight_names', new Float64Array(0), [0]);
    for (const [layer, weights] of layers) writeLayer(file, layer, weights);
  } finally {
    file.close();
  }
}

/** The tensor that the formula gives for a Keras weight name and shape. */
export function formulaTensor(name: string, shape: readonly number[]): Tensor {
  const { base, spread } = distribution(name, shape);
  const data = new Float32Array(sizeOf(shape));
  const seed = fnv1a(name);
  for (let i = 0; i < data.length; i++)
    data[i] = base + spread * ((mix(seed + Math.imul(i + 1, 0x9e3779b1)) / 2 ** 32) * 2 - 1);
  return { shape, data };
}

/** Weight names and shapes by Keras layer: batch norm is a layer of its own, `…/bn`. */
function kerasLayers(model: FormulaModel, classifier: boolean): Map<string, Map<string, number[]>> {
  const layers = new Map<string, Map<string, number[]>>();
  for (const layer of layersOf(model, classifier))
    for (const { part, name, shape } of published(layer, kerasVggfaceNames(layer))) {
      // The squeeze-and-excitation layers are 1×1 convolutions in Keras.
      const convolved = part === 'weight' && /_1x1_(down|up)$/.test(layer.name);
      const owner = name.slice(0, name.lastIndexOf('/'));
      const weights = layers.get(owner) ?? new Map<string, number[]>();
      layers.set(owner, weights.set(name, convolved ? [1, 1, ...shape] : [...shape]));
    }
  return layers;
}

function writeLayer(file: File, layer: string, weights: Map<string, number[]>): void {
  const group = groupAt(file, layer.split('/'));
  writeNames(group, 'weight_names', [...weights.keys()]);
  for (const [name, shape] of weights) {
    const parts = name.split('/');
    const dataset = parts.pop()!;
    const { data } = formulaTensor(name, shape);
    groupAt(group, parts).create_dataset({ name: dataset, data, shape, dtype: '<f4' });
  }
}

/** Byte strings of one length, as h5py writes them. */
function writeNames(group: Group, attribute: string, names: readonly string[]): void {
  const length = Math.max(...names.map((name) => name.length));
  group.create_attribute(attribute, [...names], [names.length], `S${length}`);
}

function groupAt(root: Group, parts: readonly string[]): Group {
  return parts.reduce(
    (group, part) =>
      group.keys().includes(part) ? (group.get(part) as Group) : group.create_group(part),
    root,
  );
}

function distribution(name: string, shape: readonly number[]): { base: number; spread: number } {
  const part = name.slice(name.lastIndexOf('/') + 1);
  switch (part) {
    case 'kernel:0':
      return { base: 0, spread: Math.sqrt(6 / sizeOf(shape.slice(0, -1))) };
    case 'gamma:0':
      return /_1x1_(increase|proj)\/bn\//.test(name)
        ? { base: 0.4, spread: 0.05 }
        : { base: 1, spread: 0.1 };
    case 'moving_variance:0':
      return { base: 1, spread: 0.5 };
    default:
      return { base: 0, spread: 0.1 };
  }
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
