import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeScope, type Scope } from '../src/gpu/plan.ts';
import {
  type Activation,
  conv,
  convColumns,
  convDeep,
  convTile,
  packWeights,
} from '../src/kernels/conv.ts';
import { gate } from '../src/kernels/gate.ts';
import { globalAverage } from '../src/kernels/globalAverage.ts';
import { copy, pool } from '../src/kernels/pool.ts';
import {
  type Array4,
  convReference,
  gateReference,
  globalAverageReference,
  l2Reference,
  poolReference,
  softmaxReference,
  whole,
} from '../src/kernels/reference.ts';
import { rows } from '../src/kernels/rows.ts';
import { blank, run, tensor, testScope, vector } from './support/gpu.ts';
import { randomArray } from './support/random.ts';
import { expectClose } from './support/tolerance.ts';

let scope: Scope;
beforeEach(async () => {
  scope = await testScope();
});
afterEach(() => closeScope(scope));

function random(seed: number, shape: Array4['shape']): Array4 {
  return { shape, data: randomArray(seed, shape[0] * shape[1] * shape[2] * shape[3]) };
}

interface ConvCase {
  x: Array4['shape'];
  cout: number;
  kernel: [number, number];
  stride?: [number, number];
  pad?: [number, number, number, number];
  activation?: Activation;
  residual?: boolean;
}

const convCases: Record<string, ConvCase> = {
  '1×1, no tails': { x: [1, 4, 4, 32], cout: 32, kernel: [1, 1] },
  '1×1, one pixel, odd channels': { x: [1, 1, 1, 5], cout: 7, kernel: [1, 1] },
  '3×3 valid, 3 → 10 channels, prelu': {
    x: [2, 9, 7, 3],
    cout: 10,
    kernel: [3, 3],
    activation: 'prelu',
  },
  '3×3 same, relu, residual': {
    x: [3, 5, 6, 12],
    cout: 12,
    kernel: [3, 3],
    pad: [1, 1, 1, 1],
    activation: 'relu',
    residual: true,
  },
  '7×7 stride 2, asymmetric pad': {
    x: [1, 16, 14, 3],
    cout: 64,
    kernel: [7, 7],
    stride: [2, 2],
    pad: [2, 3, 3, 2],
  },
  '1×7 same': { x: [1, 8, 8, 20], cout: 20, kernel: [1, 7], pad: [0, 3, 0, 3] },
  '7×1 same': {
    x: [1, 8, 8, 20],
    cout: 20,
    kernel: [7, 1],
    pad: [3, 0, 3, 0],
  },
  'stride 2×1, 300 output channels': { x: [2, 5, 5, 8], cout: 300, kernel: [2, 3], stride: [2, 1] },
  '9 pixels, 1×3 same, residual': {
    x: [1, 3, 3, 192],
    cout: 40,
    kernel: [1, 3],
    pad: [0, 1, 0, 1],
    activation: 'relu',
    residual: true,
  },
  '9 pixels of two images, the last group of Cin cut short': {
    x: [3, 1, 7, 132],
    cout: 300,
    kernel: [1, 3],
    stride: [1, 2],
    activation: 'prelu',
  },
  'tiles of 7 pixels, one not full': {
    x: [1, 7, 7, 128],
    cout: 36,
    kernel: [1, 1],
    residual: true,
  },
  'tiles of 8 pixels of two images, strided': {
    x: [2, 11, 11, 132],
    cout: 20,
    kernel: [3, 3],
    stride: [2, 2],
    pad: [1, 1, 1, 1],
    activation: 'prelu',
  },
  'tiles of one pixel, deep': {
    x: [1, 3, 4, 128],
    cout: 40,
    kernel: [3, 3],
    pad: [1, 1, 1, 1],
    activation: 'relu',
  },
  '9 pixels, few outputs': { x: [1, 3, 3, 130], cout: 5, kernel: [1, 1], activation: 'relu' },
  'one channel': { x: [1, 5, 5, 1], cout: 6, kernel: [3, 3] },
  'two channels': { x: [1, 5, 5, 2], cout: 20, kernel: [3, 3], activation: 'relu' },
  'three pixels': { x: [3, 1, 1, 576], cout: 128, kernel: [1, 1], activation: 'prelu' },
};

describe('conv equals its scalar reference', () => {
  it.each(Object.entries(convCases))('%s', async (_name, c) => {
    const x = random(1, c.x);
    const [n, h, w, cin] = c.x;
    const { kernel, stride = [1, 1], pad = [0, 0, 0, 0], activation = 'none' } = c;
    const out: [number, number] = [
      Math.floor((h + pad[0] + pad[2] - kernel[0]) / stride[0]) + 1,
      Math.floor((w + pad[1] + pad[3] - kernel[1]) / stride[1]) + 1,
    ];
    const taps = kernel[0] * kernel[1];
    const weight = randomArray(2, taps * cin * c.cout);
    const bias = randomArray(3, c.cout);
    const slope = randomArray(4, c.cout);
    const residual = c.residual ? random(5, [n, ...out, c.cout]) : undefined;
    const y = blank(scope, [n, ...out, c.cout]);
    const made = await conv(scope, {
      label: 'test',
      x: tensor(scope, x),
      y,
      weight: vector(scope, packWeights(weight, taps, cin, c.cout)),
      bias: vector(scope, bias),
      slope: vector(scope, slope),
      residual: residual && tensor(scope, residual),
      kernel,
      stride,
      pad: [pad[0], pad[3]],
      activation,
    });
    const expected = convReference(x, weight, {
      kernel,
      stride,
      pad: [pad[0], pad[3]],
      activation,
      bias,
      slope,
      residual,
    });
    const [actual] = await run(scope, [made], [y]);
    expectClose(actual, whole(y.shape, expected).data);
  });

  it('gives a pixel the same bytes in tiles of every size', async () => {
    const [cin, cout] = [132, 40];
    const weight = vector(scope, packWeights(randomArray(2, cin * cout), 1, cin, cout));
    const bias = vector(scope, randomArray(3, cout));
    const rows = random(1, [1, 1, 200, cin]);
    const outputs = async (m: number) => {
      const shape = [1, 1, m, cin] as const;
      const x = tensor(scope, { shape, data: rows.data.subarray(0, m * cin) });
      const y = blank(scope, [1, 1, m, cout]);
      const fixed = { label: 'test', kernel: [1, 1], stride: [1, 1], pad: [0, 0] } as const;
      const made = await conv(scope, { ...fixed, x, y, weight, bias, activation: 'relu' });
      return {
        constants: String(Object.values(made.constants)),
        y: (await run(scope, [made], [y]))[0],
      };
    };
    const most = await outputs(200);
    const tiles = new Set([most.constants]);
    for (const m of [1, 9, 16, 25, 49, 64]) {
      const { constants, y } = await outputs(m);
      tiles.add(constants);
      expect(y, `${m} pixels`).toEqual(most.y.slice(0, m * cout));
    }
    expect(tiles.size).toBeGreaterThan(1);
  });

  it('reads and writes channel slices and leaves the other channels alone', async () => {
    const wide = random(1, [1, 3, 3, 24]);
    const weight = randomArray(2, 8 * 8);
    const bias = randomArray(3, 8);
    const x = tensor(scope, wide);
    const y = tensor(scope, wide);
    const slice = (t: typeof x, channel: number) =>
      ({ ...t, shape: [1, 3, 3, 8], channel }) as typeof x;
    const made = await conv(scope, {
      label: 'test',
      x: slice(x, 8),
      y: slice(y, 16),
      weight: vector(scope, packWeights(weight, 1, 8, 8)),
      bias: vector(scope, bias),
      kernel: [1, 1],
      stride: [1, 1],
      pad: [0, 0],
      activation: 'none',
    });
    const [actual] = await run(scope, [made], [y]);
    const expected = wide.data.slice();
    for (let p = 0; p < 9; p++)
      for (let co = 0; co < 8; co++) {
        let sum = bias[co];
        for (let ci = 0; ci < 8; ci++) sum += wide.data[p * 24 + 8 + ci] * weight[ci * 8 + co];
        expected[p * 24 + 16 + co] = sum;
      }
    expectClose(actual, expected);
  });

  it('refuses operands that do not fit, with their values', async () => {
    const x = blank(scope, [1, 2, 2, 4]);
    const args = {
      label: 'odd',
      x,
      y: blank(scope, [2, 2, 2, 4]),
      kernel: [1, 1],
      stride: [1, 1],
      pad: [0, 0],
      weight: vector(scope, new Float32Array(128)),
      bias: vector(scope, new Float32Array(4)),
      activation: 'none',
    } as const;
    expect(() => conv(scope, args)).toThrow('conv odd: batch 1 in, 2 out');
    expect(() => conv(scope, { ...args, x: { ...x, channel: 2 } })).toThrow('slice 2/4');
  });
});

describe('tiles of a convolution', () => {
  it.each([
    { subgroup: [8, 8], m: 3025, deep: false, tile: { lanes: 8, width: 8, pixels: 4 } },
    { subgroup: [8, 8], m: 16, deep: false, tile: { lanes: 8, width: 8, pixels: 1 } },
    { subgroup: [8, 8], m: 17, deep: false, tile: { lanes: 8, width: 8, pixels: 4 } },
    { subgroup: [8, 8], m: 3025, tile: { lanes: 8, width: 8, pixels: 7 } },
    { subgroup: [8, 8], m: 289, tile: { lanes: 8, width: 8, pixels: 8 } },
    { subgroup: [8, 8], m: 64, tile: { lanes: 8, width: 8, pixels: 8 } },
    { subgroup: [8, 8], m: 49, tile: { lanes: 8, width: 8, pixels: 7 } },
    { subgroup: [8, 8], m: 25, tile: { lanes: 8, width: 8, pixels: 4 } },
    { subgroup: [8, 8], m: 16, tile: { lanes: 8, width: 8, pixels: 1 } },
    { subgroup: [8, 8], m: 8, tile: { lanes: 8, width: 8, pixels: 1 } },
    { subgroup: [8, 8], m: 9, tile: { lanes: 8, width: 8, pixels: 9, byChannel: true } },
    { subgroup: [8, 8], m: 9, deep: false, tile: { lanes: 8, width: 8, pixels: 1 } },
    { subgroup: [8, 8], m: 10, tile: { lanes: 8, width: 8, pixels: 1 } },
    { subgroup: [4, 4], m: 5, tile: { lanes: 4, width: 4, pixels: 9, byChannel: true } },
    { subgroup: [4, 4], m: 3025, tile: { lanes: 4, width: 4, pixels: 7 } },
    { subgroup: [16, 16], m: 3025, tile: { lanes: 8, width: 16, pixels: 4 } },
    { subgroup: [32, 32], m: 9, tile: { lanes: 8, width: 32, pixels: 1 } },
    { subgroup: [32, 32], m: 49, tile: { lanes: 8, width: 32, pixels: 1 } },
    { subgroup: [8, 128], m: 3025, tile: { lanes: 8, width: 64, pixels: 4 } },
  ] as const)('subgroup $subgroup, M $m, deep $deep', ({ subgroup, m, tile, ...given }) => {
    const deep = !('deep' in given);
    expect(convTile(subgroup, m, deep)).toEqual({ byChannel: false, ...tile });
  });

  it.each([
    ['of an embedder', 128, [1, 3, 3, 17], true],
    ['too few inputs', 127, [1, 3, 3, 17], false],
    ['too few outputs', 128, [1, 3, 3, 16], false],
    ['dense', 576, [64, 1, 1, 128], false],
  ] as const)('a layer %s', (_name, cin, shape, deep) => {
    expect(convDeep(cin, shape)).toBe(deep);
  });

  it.each([
    [3, 10, 4],
    [3, 64, 4],
    [10, 16, 4],
    [16, 17, 8],
    [512, 8631, 8],
  ])('Cin %i, Cout %i in columns of %i', (cin, cout, columns) => {
    expect(convColumns(cin, cout)).toBe(columns);
  });
});

describe('pool equals its scalar reference', () => {
  it.each([
    ['max 2×2/2 ceil, odd', 'max', [1, 7, 5, 10], [2, 2], [2, 2], [0, 0], [4, 3]],
    ['max 3×3/2 valid, batch 2', 'max', [2, 8, 9, 8], [3, 3], [2, 2], [0, 0], [3, 4]],
    ['max 3×3/2 ceil', 'max', [1, 22, 22, 28], [3, 3], [2, 2], [0, 0], [11, 11]],
    ['average 3×3/1 same', 'average', [1, 4, 4, 3], [3, 3], [1, 1], [1, 1], [4, 4]],
    ['average 3×3 valid', 'average', [1, 3, 3, 130], [3, 3], [1, 1], [0, 0], [1, 1]],
  ] as const)('%s', async (_name, kind, shape, kernel, stride, pad, out) => {
    const x = random(7, shape);
    const y = blank(scope, [shape[0], ...out, shape[3]]);
    const args = { kind, kernel, stride, pad };
    const made = await pool(scope, { label: 'test', x: tensor(scope, x), y, ...args });
    const [actual] = await run(scope, [made], [y]);
    expectClose(actual, whole(y.shape, poolReference(x, args)).data);
  });

  it('copies', async () => {
    const x = random(8, [2, 3, 5, 6]);
    const y = blank(scope, x.shape);
    const [actual] = await run(scope, [await copy(scope, 'test', tensor(scope, x), y)], [y]);
    expect(actual).toEqual(x.data);
  });
});

describe('the others equal their scalar references', () => {
  it.each([[[1, 7, 7, 2048]], [[3, 5, 3, 10]], [[2, 1, 1, 4]]] as const)(
    'globalAverage %s',
    async (shape) => {
      const x = random(9, shape);
      const y = blank(scope, [shape[0], 1, 1, shape[3]]);
      const made = await globalAverage(scope, 'test', tensor(scope, x), y);
      expectClose(
        (await run(scope, [made], [y]))[0],
        whole(y.shape, globalAverageReference(x)).data,
      );
    },
  );

  it.each([[[1, 5, 5, 16]], [[3, 7, 2, 20]]] as const)('gate %s', async (shape) => {
    const [x, r] = [random(10, shape), random(11, shape)];
    const g = random(12, [shape[0], 1, 1, shape[3]]);
    const y = blank(scope, shape);
    const [tx, tg, tr] = [x, g, r].map((a) => tensor(scope, a));
    const made = await gate(scope, { label: 'test', x: tx, gate: tg, residual: tr, y });
    expectClose((await run(scope, [made], [y]))[0], whole(y.shape, gateReference(x, g, r)).data);
  });

  it('gates pixels that lie apart, and leaves alone what lies between them', async () => {
    const wide = random(10, [2, 3, 3, 24]);
    const narrow = random(12, [2, 1, 1, 8]);
    const [x, r, y] = [wide, wide, wide].map((a) => tensor(scope, a));
    const first = (t: typeof x) => ({ ...t, shape: [2, 3, 3, 8] }) as typeof x;
    const gates = tensor(scope, narrow);
    const args = { label: 'test', x: first(x), gate: gates, residual: first(r), y: first(y) };
    const [actual] = await run(scope, [await gate(scope, args)], [y]);
    const reference = gateReference(wide, narrow, wide);
    const expected = wide.data.slice();
    for (let at = 0; at < expected.length; at++)
      if (at % 24 < 8)
        expected[at] = reference(
          Math.floor(at / 216),
          Math.floor(at / 72) % 3,
          Math.floor(at / 24) % 3,
          at % 24,
        );
    expectClose(actual, expected);
    const slice = { ...args, x: { ...args.x, channel: 8 } };
    expect(() => gate(scope, slice)).toThrow('gate test: 2,3,3,8 is a slice');
  });

  it.each([[[2, 1, 1, 8631]], [[5, 1, 1, 3]]] as const)('softmax and l2 %s', async (shape) => {
    const x = random(13, shape);
    for (const [kind, reference] of [
      ['softmax', softmaxReference],
      ['l2', l2Reference],
    ] as const) {
      const y = blank(scope, shape);
      const made = await rows(scope, 'test', kind, tensor(scope, x), y);
      expectClose((await run(scope, [made], [y]))[0], whole(y.shape, reference(x)).data);
    }
  });

  it('softmax of large logits and l2 of zeros stay finite', async () => {
    const x: Array4 = { shape: [1, 1, 1, 4], data: Float32Array.of(1000, 999, -1000, 0) };
    const y = blank(scope, x.shape);
    const softmax = await rows(scope, 'test', 'softmax', tensor(scope, x), y);
    expectClose((await run(scope, [softmax], [y]))[0], whole(y.shape, softmaxReference(x)).data);
    const zero: Array4 = { ...x, data: new Float32Array(4) };
    const l2 = await rows(scope, 'test', 'l2', tensor(scope, zero), y);
    expect((await run(scope, [l2], [y]))[0]).toEqual(new Float32Array(4));
  });
});
