import { FacegraphError } from '../../errors.ts';
import { parameters } from '../network.ts';
import type { WeightedLayer } from './layersOf.ts';
import { sizeOf, type Tensor, type Tensors } from './tensor.ts';

/** Where a published file keeps the tensors of one layer. */
export interface SourceNames {
  readonly weight: string;
  readonly bias: string;
  readonly slope?: string;
  readonly batchNorm?: {
    readonly gamma: string;
    readonly beta: string;
    readonly mean: string;
    readonly variance: string;
  };
}

type Part = 'weight' | 'bias' | 'slope' | 'gamma' | 'beta' | 'mean' | 'variance';
type Found = Partial<Record<Part, Float32Array>>;

/** Faults named in one message; a wrong file easily has hundreds. */
const NAMED = 5;

/**
 * The parameters of `layers` out of the tensors of a published file, with batch norm and `scale`
 * folded into weight and bias in double precision: w' = w·k, b' = (b − mean)·k + beta with
 * k = gamma / sqrt(variance + epsilon), then both times `scale`.
 * Names and shapes are those of `parameters(layer)`; leading ones of a dense weight are dropped.
 * @throws FacegraphError `WeightsInvalid` that names each missing, extra, misshapen or not finite
 * tensor.
 */
export function fold(
  layers: readonly WeightedLayer[],
  source: Tensors,
  namesOf: (layer: WeightedLayer) => SourceNames,
): Tensors {
  const faults: string[] = [];
  const used = new Set<string>();
  const found = layers.map((layer) => find(layer, namesOf(layer), source, used, faults));
  for (const name of source.keys())
    if (!used.has(name)) faults.push(`extra ${name}, which the network has no place for`);
  refuse(faults);

  const folded: Tensors = new Map();
  layers.forEach((layer, i) => {
    const [weight, bias] = foldLayer(layer, found[i]);
    const data: Record<string, Float32Array | undefined> = { weight, bias, slope: found[i].slope };
    for (const { name, shape } of parameters(layer)) {
      const values = data[name.slice(layer.name.length + 1)]!;
      if (!values.every(Number.isFinite)) faults.push(`${name} has values that are not finite`);
      folded.set(name, { shape, data: values });
    }
  });
  refuse(faults);
  return folded;
}

/** Source names, and the shape each must have, of a layer as it was published. */
export function published(
  layer: WeightedLayer,
  names: SourceNames,
): { part: Part; name: string; shape: readonly number[] }[] {
  const channels = [layer.cout];
  const list: { part: Part; name: string; shape: readonly number[] }[] = [
    { part: 'weight', name: names.weight, shape: parameters(layer)[0].shape },
  ];
  if (layer.bias) list.push({ part: 'bias', name: names.bias, shape: channels });
  if (layer.activation === 'prelu')
    list.push({ part: 'slope', name: names.slope!, shape: channels });
  if (layer.batchNorm) {
    const { gamma, beta, mean, variance } = names.batchNorm!;
    if (layer.batchNorm.gamma) list.push({ part: 'gamma', name: gamma, shape: channels });
    list.push({ part: 'beta', name: beta, shape: channels });
    list.push({ part: 'mean', name: mean, shape: channels });
    list.push({ part: 'variance', name: variance, shape: channels });
  }
  return list;
}

function find(
  layer: WeightedLayer,
  names: SourceNames,
  source: Tensors,
  used: Set<string>,
  faults: string[],
): Found {
  const found: Found = {};
  for (const { part, name, shape } of published(layer, names)) {
    const tensor = source.get(name);
    used.add(name);
    if (!tensor) faults.push(`missing ${name}`);
    else if (!fits(tensor, shape))
      faults.push(`${name} is [${tensor.shape}], the network needs [${shape}]`);
    else found[part] = tensor.data;
  }
  return found;
}

function fits(tensor: Tensor, shape: readonly number[]): boolean {
  const lead = tensor.shape.length - shape.length;
  return (
    lead >= 0 &&
    tensor.shape.every((length, i) => length === (i < lead ? 1 : shape[i - lead])) &&
    tensor.data.length === sizeOf(shape)
  );
}

function foldLayer(layer: WeightedLayer, found: Found): [Float32Array, Float32Array] {
  const weight = new Float32Array(found.weight!.length);
  const bias = new Float32Array(layer.cout);
  const factor = new Float64Array(layer.cout);
  for (let c = 0; c < layer.cout; c++) {
    let k = 1;
    let shift = found.bias?.[c] ?? 0;
    if (layer.batchNorm) {
      k = (found.gamma?.[c] ?? 1) / Math.sqrt(found.variance![c] + layer.batchNorm.epsilon);
      shift = (shift - found.mean![c]) * k + found.beta![c];
    }
    const scale = layer.scale ?? 1;
    factor[c] = k * scale;
    bias[c] = shift * scale;
  }
  for (let i = 0; i < weight.length; i += layer.cout)
    for (let c = 0; c < layer.cout; c++) weight[i + c] = found.weight![i + c] * factor[c];
  return [weight, bias];
}

function refuse(faults: readonly string[]): void {
  if (faults.length === 0) return;
  const more = faults.length > NAMED ? `; and ${faults.length - NAMED} more` : '';
  const named = faults.slice(0, NAMED).join('; ');
  throw new FacegraphError('WeightsInvalid', `the weights do not fit the network: ${named}${more}`);
}
