import { FacegraphError } from '../../../errors.ts';
import type { SourceNames } from '../fold.ts';
import type { WeightedLayer } from '../layersOf.ts';
import { floats, sizeOf, type Tensor, type Tensors } from '../tensor.ts';
import { type Field, fields } from './protobuf.ts';

const SCOPE = 'InceptionResnetV1/';
/** Variables of the graph end so; its other constants are shapes, axes, rates and the like. */
const VARIABLE = /\/(weights|biases|beta|gamma|moving_mean|moving_variance)$/;

const FLOAT = 1;
/** Field numbers of tensorflow's graph.proto, node_def.proto, attr_value.proto, tensor.proto. */
const GRAPH = { node: 1 };
const NODE = { name: 1, op: 2, attribute: 5 };
const ENTRY = { key: 1, value: 2 };
const ATTRIBUTE = { tensor: 8 };
const TENSOR = { dtype: 1, shape: 2, content: 4 };
const SHAPE = { dimension: 2 };
const DIMENSION = { size: 1 };

/** Names of the variables of FaceNet's Inception-ResNet-v1 as its frozen graph has them. */
export function facenetNames({ name }: WeightedLayer): SourceNames {
  return {
    weight: `${SCOPE}${name}/weights`,
    bias: `${SCOPE}${name}/biases`,
    batchNorm: {
      gamma: `${SCOPE}${name}/BatchNorm/gamma`,
      beta: `${SCOPE}${name}/BatchNorm/beta`,
      mean: `${SCOPE}${name}/BatchNorm/moving_mean`,
      variance: `${SCOPE}${name}/BatchNorm/moving_variance`,
    },
  };
}

/**
 * The variables of a frozen TensorFlow GraphDef, by the names of their constants. They are found by
 * name because what reads them is a maze of Switch and Merge nodes around `phase_train`.
 * @throws FacegraphError `WeightsInvalid` when the bytes are not a GraphDef.
 */
export function readGraphDef(bytes: Uint8Array): Tensors {
  const tensors: Tensors = new Map();
  for (const node of fields(bytes)) {
    if (node.id !== GRAPH.node) continue;
    const parts = [...fields(bytesOf(node))];
    const name = textOf(parts, NODE.name);
    if (textOf(parts, NODE.op) !== 'Const' || !VARIABLE.test(name)) continue;
    tensors.set(name, tensorOf(name, constantOf(parts)));
  }
  return tensors;
}

function constantOf(parts: readonly Field[]): Uint8Array {
  for (const attribute of parts) {
    if (attribute.id !== NODE.attribute) continue;
    const entry = [...fields(bytesOf(attribute))];
    if (textOf(entry, ENTRY.key) !== 'value') continue;
    for (const kind of fields(bytesOf(find(entry, ENTRY.value))))
      if (kind.id === ATTRIBUTE.tensor) return bytesOf(kind);
  }
  throw invalid('a constant has no value');
}

function tensorOf(name: string, bytes: Uint8Array): Tensor {
  const parts = [...fields(bytes)];
  if (find(parts, TENSOR.dtype).value !== FLOAT) throw invalid(`${name} is not float32`);
  const shape: number[] = [];
  for (const dimension of fields(bytesOf(find(parts, TENSOR.shape))))
    if (dimension.id === SHAPE.dimension)
      shape.push(Number(find([...fields(bytesOf(dimension))], DIMENSION.size).value));
  const content = bytesOf(find(parts, TENSOR.content));
  if (content.length !== sizeOf(shape) * 4) throw invalid(`${name} does not fill [${shape}]`);
  return { shape, data: floats(content) };
}

function find(parts: readonly Field[], id: number): Field {
  const field = parts.find((part) => part.id === id);
  if (!field) throw invalid(`field ${id} is missing`);
  return field;
}

function textOf(parts: readonly Field[], id: number): string {
  const field = parts.find((part) => part.id === id);
  return field ? Buffer.from(bytesOf(field)).toString('utf8') : '';
}

function bytesOf(field: Field): Uint8Array {
  if (typeof field.value === 'number') throw invalid(`field ${field.id} is a number`);
  return field.value;
}

function invalid(reason: string): FacegraphError {
  return new FacegraphError('WeightsInvalid', `not a frozen TensorFlow graph: ${reason}`);
}
