import {
  type Activation,
  type Conv,
  type Dense,
  type Layer,
  type Network,
  type Pool,
  parameters,
} from './network.ts';
import { type Attributes, floats, type Graph, integers, model, node } from './onnxGraph.ts';
import type { Parameter } from './weightBuffer.ts';

/** Lengths of the input's axes; a string leaves the axis open under that name. */
export type OnnxInput = readonly [n: number | string, h: number | string, w: number | string];

export interface OnnxOptions {
  /** Default: any batch size and the network's own height and width (any where it takes any). */
  input?: OnnxInput;
  /** Names of the tensors to output; default the network's outputs. */
  outputs?: readonly string[];
}

/**
 * The network as an ONNX model (opset 17) for comparison with another runtime. Input `input` and
 * the outputs, named as their layers, are N H W C; between them the graph is N C H W.
 * @param tensors folded parameters, named and shaped as `parameters(layer)` says.
 * @throws Error naming the parameter that is missing or misshapen, or the unknown output.
 */
export function toOnnx(
  network: Network,
  tensors: ReadonlyMap<string, Parameter>,
  options: OnnxOptions = {},
): Uint8Array {
  const [h, w, c] = network.input;
  const { input = ['N', h || 'H', w || 'W'], outputs = network.outputs } = options;
  const graph: Graph = { nodes: [], initializers: [] };
  node(graph, 'Transpose', ['input'], inner('input'), { perm: [0, 3, 1, 2] });
  for (const layer of network.layers) add(graph, layer, folded(layer, tensors));
  for (const name of outputs) {
    if (!network.layers.some((layer) => layer.name === name))
      throw new Error(`${network.name} has no layer ${name}`);
    node(graph, 'Transpose', [inner(name)], name, { perm: [0, 2, 3, 1] });
  }
  return model(graph, network.name, [...input, c], outputs);
}

/** Name of a tensor's N C H W form inside the graph. */
const inner = (name: string): string => `${name}:nchw`;

function folded(layer: Layer, tensors: ReadonlyMap<string, Parameter>): Parameter[] {
  return parameters(layer).map(({ name, shape }) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${name} is missing`);
    if (tensor.shape.join() !== shape.join())
      throw new Error(`${name} is [${tensor.shape}], expected [${shape}]`);
    return tensor;
  });
}

function add(graph: Graph, layer: Layer, weights: readonly Parameter[]): void {
  const { name } = layer;
  const y = inner(name);
  switch (layer.op) {
    case 'conv':
      conv(graph, layer, weights);
      break;
    case 'dense':
      dense(graph, layer, weights);
      break;
    case 'maxPool':
      node(graph, 'MaxPool', [inner(layer.x)], y, window(layer));
      break;
    case 'averagePool':
      node(graph, 'AveragePool', [inner(layer.x)], y, window(layer));
      break;
    case 'globalAverage':
      node(graph, 'GlobalAveragePool', [inner(layer.x)], y);
      break;
    case 'gate':
      node(graph, 'Sigmoid', [inner(layer.gate)], `${name}:gate`);
      node(graph, 'Mul', [inner(layer.x), `${name}:gate`], `${name}:scaled`);
      node(graph, 'Add', [`${name}:scaled`, inner(layer.residual)], `${name}:sum`);
      node(graph, 'Relu', [`${name}:sum`], y);
      break;
    case 'concat':
      node(graph, 'Concat', layer.xs.map(inner), y, { axis: 1 });
      break;
    case 'l2normalize': {
      const axes = integers(graph, `${name}:axes`, [1]);
      const floor = floats(graph, `${name}:floor`, [], Float32Array.of(1e-10));
      node(graph, 'Mul', [inner(layer.x), inner(layer.x)], `${name}:squares`);
      node(graph, 'ReduceSum', [`${name}:squares`, axes], `${name}:total`);
      node(graph, 'Max', [`${name}:total`, floor], `${name}:floored`);
      node(graph, 'Sqrt', [`${name}:floored`], `${name}:norm`);
      node(graph, 'Div', [inner(layer.x), `${name}:norm`], y);
      break;
    }
    case 'softmax':
      node(graph, 'Softmax', [inner(layer.x)], y, { axis: 1 });
      break;
  }
}

function conv(graph: Graph, layer: Conv, [weight, bias, slope]: readonly Parameter[]): void {
  const { name, kernel, cin, cout, residual } = layer;
  const w = floats(graph, `${name}/weight`, [cout, cin, ...kernel], outputsFirst(weight));
  const b = floats(graph, `${name}/bias`, [cout], bias.data);
  const stages: Stage[] = [{ op: 'Conv', extra: [w, b], attributes: window(layer) }];
  if (residual !== undefined) stages.push({ op: 'Add', extra: [inner(residual)] });
  stages.push(...activation(graph, name, layer.activation, [cout, 1, 1], slope));
  chain(graph, inner(layer.x), inner(name), stages);
}

/** Every tensor between layers has four axes, so the matrix product is flattened before and unflattened after. */
function dense(graph: Graph, layer: Dense, [weight, bias, slope]: readonly Parameter[]): void {
  const { name, cin, cout } = layer;
  const w = floats(graph, `${name}/weight`, [cin, cout], weight.data);
  const b = floats(graph, `${name}/bias`, [cout], bias.data);
  const shape = integers(graph, `${name}:shape`, [-1, cout, 1, 1]);
  chain(graph, inner(layer.x), inner(name), [
    { op: 'Transpose', extra: [], attributes: { perm: [0, 2, 3, 1] } },
    { op: 'Flatten', extra: [], attributes: { axis: 1 } },
    { op: 'Gemm', extra: [w, b] },
    ...activation(graph, name, layer.activation, [cout], slope),
    { op: 'Reshape', extra: [shape] },
  ]);
}

interface Stage {
  readonly op: string;
  readonly extra: readonly string[];
  readonly attributes?: Attributes;
}

function activation(
  graph: Graph,
  name: string,
  kind: Activation,
  slopeShape: readonly number[],
  slope: Parameter | undefined,
): Stage[] {
  if (kind === 'none') return [];
  if (kind === 'relu') return [{ op: 'Relu', extra: [] }];
  return [{ op: 'PRelu', extra: [floats(graph, `${name}/slope`, slopeShape, slope!.data)] }];
}

function window(layer: Conv | Pool): Attributes {
  const { kernel, stride, pad } = layer;
  const [top, right, bottom, left] = pad;
  const common = { kernel_shape: kernel, strides: stride, pads: [top, left, bottom, right] };
  return layer.op === 'conv' ? common : { ...common, ceil_mode: layer.ceil ? 1 : 0 };
}

/** [KH, KW, Cin, Cout] to ONNX's [Cout, Cin, KH, KW]. */
function outputsFirst({ shape: [kh, kw, cin, cout], data }: Parameter): Float32Array {
  const out = new Float32Array(data.length);
  const taps = kh * kw;
  for (let from = 0, tap = 0; tap < taps; tap++)
    for (let i = 0; i < cin; i++)
      for (let o = 0; o < cout; o++) out[(o * cin + i) * taps + tap] = data[from++];
  return out;
}

function chain(graph: Graph, x: string, y: string, stages: readonly Stage[]): void {
  let from = x;
  stages.forEach(({ op, extra, attributes }, i) => {
    const to = i === stages.length - 1 ? y : `${y}:${i}`;
    node(graph, op, [from, ...extra], to, attributes);
    from = to;
  });
}
