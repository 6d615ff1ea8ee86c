import { bytes, type Field, integer, join, message, string } from './protobuf.ts';

export type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** An ONNX graph under construction: encoded NodeProto and TensorProto fields. */
export interface Graph {
  readonly nodes: Field[];
  readonly initializers: Field[];
}

// onnx.proto: ir_version 8 goes with opset 17; then TensorProto.DataType and AttributeProto.AttributeType.
const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** Appends one operator with one output. Attributes are integers or lists of integers. */
export function node(
  graph: Graph,
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Attributes = {},
): void {
  graph.nodes.push(
    message(1, [
      ...inputs.map((name) => string(1, name)),
      string(2, output),
      string(3, output),
      string(4, op),
      ...Object.entries(attributes).map(([name, value]) =>
        message(5, [
          string(1, name),
          ...(typeof value === 'number'
            ? [integer(3, value), integer(20, ATTRIBUTE_INT)]
            : [...value.map((v) => integer(8, v)), integer(20, ATTRIBUTE_INTS)]),
        ]),
      ),
    ]),
  );
}

/** Adds an f32 constant and returns its name. The data is not copied until the model is written. */
export function floats(
  graph: Graph,
  name: string,
  shape: readonly number[],
  data: Float32Array,
): string {
  return initializer(graph, name, FLOAT, shape, data);
}

/** Adds a list of 64-bit integers and returns its name. */
export function integers(graph: Graph, name: string, values: readonly number[]): string {
  const data = BigInt64Array.from(values, BigInt);
  return initializer(graph, name, INT64, [values.length], data);
}

/** The bytes of the ModelProto; the input is called `input`, its string axes are symbolic. */
export function model(
  graph: Graph,
  name: string,
  input: readonly (number | string)[],
  outputs: readonly string[],
): Uint8Array {
  const axes = input.map((axis) =>
    message(1, [typeof axis === 'number' ? integer(1, axis) : string(2, axis)]),
  );
  return join([
    integer(1, IR_VERSION),
    string(2, 'facegraph'),
    message(7, [
      ...graph.nodes,
      string(2, name),
      ...graph.initializers,
      message(11, valueInfo('input', [message(2, axes)])),
      ...outputs.map((output) => message(12, valueInfo(output, []))),
    ]),
    message(8, [string(1, ''), integer(2, OPSET)]),
  ]);
}

function initializer(
  graph: Graph,
  name: string,
  type: number,
  shape: readonly number[],
  { buffer, byteOffset, byteLength }: Float32Array | BigInt64Array,
): string {
  graph.initializers.push(
    message(5, [
      ...shape.map((length) => integer(1, length)),
      integer(2, type),
      string(8, name),
      bytes(9, new Uint8Array(buffer, byteOffset, byteLength)),
    ]),
  );
  return name;
}

function valueInfo(name: string, shape: readonly Field[]): Field[] {
  return [string(1, name), message(2, [message(1, [integer(1, FLOAT), ...shape])])];
}
