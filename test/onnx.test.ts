import { expect, test } from 'vitest';
import { type Layer, type Network, parameters, type Shape } from '../src/engine/network.ts';
import { evaluate } from '../src/engine/networkReference.ts';
import { toOnnx } from '../src/engine/onnx.ts';
import { runOnnx } from '../src/engine/onnxruntime.ts';
import type { Parameter } from '../src/engine/weightBuffer.ts';
import { randomArray, randomTensor } from './support/random.ts';
import { expectClose } from './support/tolerance.ts';

const W = { activation: 'none', bias: true } as const;

/** Every operation and option of network.ts, over odd sizes. */
const everything: Network = {
  name: 'everything',
  input: [13, 11, 3],
  layers: [
    {
      op: 'conv',
      name: 'c1',
      x: 'input',
      cin: 3,
      cout: 5,
      kernel: [3, 5],
      stride: [2, 1],
      pad: [1, 0, 2, 3],
      ...W,
      activation: 'prelu',
    },
    {
      op: 'conv',
      name: 'c2',
      x: 'c1',
      cin: 5,
      cout: 5,
      kernel: [1, 1],
      stride: [1, 1],
      pad: [0, 0, 0, 0],
      ...W,
      activation: 'relu',
      residual: 'c1',
    },
    {
      op: 'conv',
      name: 'c3',
      x: 'c2',
      cin: 5,
      cout: 7,
      kernel: [3, 3],
      stride: [1, 1],
      pad: [1, 1, 1, 1],
      ...W,
      activation: 'none',
    },
    {
      op: 'maxPool',
      name: 'max ceil',
      x: 'c3',
      kernel: [3, 3],
      stride: [2, 2],
      pad: [0, 0, 0, 0],
      ceil: true,
    },
    {
      op: 'maxPool',
      name: 'max valid',
      x: 'c3',
      kernel: [3, 2],
      stride: [2, 2],
      pad: [1, 0, 0, 0],
      ceil: false,
    },
    {
      op: 'averagePool',
      name: 'average ceil',
      x: 'c2',
      kernel: [3, 3],
      stride: [2, 2],
      pad: [0, 0, 0, 0],
      ceil: true,
    },
    {
      op: 'averagePool',
      name: 'average padded',
      x: 'c2',
      kernel: [3, 3],
      stride: [2, 2],
      pad: [1, 1, 1, 1],
      ceil: false,
    },
    { op: 'concat', name: 'both', xs: ['max ceil', 'average ceil', 'max ceil'] },
    {
      op: 'conv',
      name: 'narrow',
      x: 'both',
      cin: 19,
      cout: 8,
      kernel: [1, 1],
      stride: [1, 1],
      pad: [0, 0, 0, 0],
      ...W,
    },
    {
      op: 'conv',
      name: 'shortcut',
      x: 'both',
      cin: 19,
      cout: 8,
      kernel: [1, 1],
      stride: [1, 1],
      pad: [0, 0, 0, 0],
      ...W,
    },
    { op: 'globalAverage', name: 'squeeze', x: 'narrow' },
    { op: 'dense', name: 'down', x: 'squeeze', cin: 8, cout: 2, ...W, activation: 'relu' },
    { op: 'dense', name: 'up', x: 'down', cin: 2, cout: 8, ...W },
    { op: 'gate', name: 'excited', x: 'narrow', gate: 'up', residual: 'shortcut' },
    { op: 'dense', name: 'flat', x: 'excited', cin: 3 * 5 * 8, cout: 9, ...W, activation: 'prelu' },
    { op: 'dense', name: 'logits', x: 'flat', cin: 9, cout: 6, ...W },
    { op: 'l2normalize', name: 'unit', x: 'flat' },
    { op: 'softmax', name: 'probabilities', x: 'logits' },
  ],
  outputs: ['unit', 'probabilities'],
};

const shape: Shape = [2, 13, 11, 3];
const weights = randomWeights(everything.layers);
const input = randomTensor(1, shape);
const expected = evaluate(everything, weights, input);

function randomWeights(layers: readonly Layer[]): Map<string, Parameter> {
  const list = layers.flatMap(parameters);
  return new Map(
    list.map(({ name, shape: s }, i) => [
      name,
      {
        shape: s,
        data: randomArray(
          i + 2,
          s.reduce((a, b) => a * b),
        ),
      },
    ]),
  );
}

test.each(everything.layers.map(({ name }) => name))('onnxruntime agrees on %s', async (name) => {
  const model = toOnnx(everything, weights, { outputs: [name] });
  const y = (await runOnnx(model, input))!.get(name)!;
  const r = expected.get(name)!;
  expect(y.shape).toEqual(r.shape);
  expectClose(y.data, r.data);
});

test("outputs are the network's own unless named", async () => {
  const y = (await runOnnx(toOnnx(everything, weights), input))!;
  expect([...y.keys()]).toEqual(['unit', 'probabilities']);
});

test('open height and width', async () => {
  const open: Network = {
    ...everything,
    input: [0, 0, 3],
    layers: everything.layers.slice(0, 4),
    outputs: ['max ceil'],
  };
  const model = toOnnx(open, weights);
  for (const size of [
    [1, 20, 9, 3],
    [3, 12, 12, 3],
  ] as const) {
    const x = randomTensor(99, size);
    const r = evaluate(open, weights, x).get('max ceil')!;
    const y = (await runOnnx(model, x))!.get('max ceil')!;
    expect(y.shape).toEqual(r.shape);
    expectClose(y.data, r.data);
  }
});

test('a fixed input refuses other sizes', async () => {
  const model = toOnnx(everything, weights, { input: [2, 13, 11] });
  const data = input.data.subarray(0, input.data.length / 2);
  await expect(runOnnx(model, { shape: [1, 13, 11, 3], data })).rejects.toThrow(/dimension/i);
});

test('a missing, misshapen or unknown tensor is named', () => {
  const without = new Map(weights);
  without.delete('c2/bias');
  expect(() => toOnnx(everything, without)).toThrow('c2/bias is missing');
  const other = new Map(weights).set('c2/bias', { shape: [4], data: new Float32Array(4) });
  expect(() => toOnnx(everything, other)).toThrow('c2/bias is [4], expected [5]');
  expect(() => toOnnx(everything, weights, { outputs: ['nowhere'] })).toThrow(
    'everything has no layer nowhere',
  );
});
