import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inceptionResnetV1 } from '../src/engine/networks/inceptionResnetV1.ts';
import { onet, pnet, rnet } from '../src/engine/networks/mtcnn.ts';
import { resnet50, SENET50_VGGFACE2 } from '../src/engine/networks/resnet50.ts';
import { winogradLayers } from '../src/engine/winogradLayers.ts';
import { closeScope, type Scope } from '../src/gpu/plan.ts';
import type { Tensor } from '../src/gpu/tensor.ts';
import { type Activation, packWeights } from '../src/kernels/conv.ts';
import { type Array4, convReference, whole } from '../src/kernels/reference.ts';
import {
  ELEMENTS,
  tiledShape,
  transformWeights,
  winograd,
  winogradPays,
} from '../src/kernels/winograd.ts';
import { productsReference, tilesReference } from '../src/kernels/winogradReference.ts';
import { blank, run, tensor, testScope, vector } from './support/gpu.ts';
import { randomArray } from './support/random.ts';
import { expectClose } from './support/tolerance.ts';

let scope: Scope;
beforeEach(async () => {
  scope = await testScope();
});
afterEach(() => closeScope(scope));

interface Case {
  x: Array4['shape'];
  cout: number;
  pad?: number;
  activation?: Activation;
}

function random(seed: number, shape: Array4['shape']): Array4 {
  return {
    shape,
    data: randomArray(
      seed,
      shape.reduce((a, b) => a * b),
    ),
  };
}

/** The three steps of a case on x (or a slice of a tensor that holds it) into y. */
async function planned({ x, cout, pad = 0, activation = 'none' }: Case, from: Tensor, to?: Tensor) {
  const [n, h, w, cin] = x;
  const y = to ?? blank(scope, [n, h + 2 * pad - 2, w + 2 * pad - 2, cout]);
  const weight = randomArray(2, 9 * cin * cout);
  const [bias, slope] = [randomArray(3, cout), randomArray(4, cout)];
  const tiles = blank(scope, tiledShape(y.shape, cin));
  const products = blank(scope, tiledShape(y.shape, cout));
  const steps = await winograd(scope, {
    ...{ label: 'test', x: from, y, tiles, products, pad: [pad, pad], activation },
    weight: vector(scope, packWeights(transformWeights(weight), 1, cin, cout, ELEMENTS)),
    bias: vector(scope, bias),
    slope: vector(scope, slope),
    zeros: vector(scope, new Float32Array(cout)),
  });
  const expected = (image: Array4) =>
    convReference(image, weight, {
      ...{ kernel: [3, 3], stride: [1, 1], pad: [pad, pad], activation, bias, slope },
    });
  return { steps, tiles, products, y, weight, expected };
}

const CASES: Record<string, Case> = {
  'same, whole tiles, relu': { x: [1, 8, 8, 32], cout: 32, pad: 1, activation: 'relu' },
  'valid, tiles cut off on both sides, prelu': { x: [2, 9, 7, 12], cout: 20, activation: 'prelu' },
  'smaller than a tile': { x: [1, 3, 4, 8], cout: 8 },
  'more rows than a workgroup has, none of them whole': { x: [3, 17, 14, 8], cout: 40, pad: 1 },
  '9 tiles, deep': { x: [1, 12, 12, 128], cout: 40, pad: 1, activation: 'relu' },
  '49 tiles, deep': { x: [1, 28, 28, 128], cout: 20, pad: 1 },
};

describe('winograd equals the scalar reference of the convolution', () => {
  it.each(Object.entries(CASES))('%s', async (_name, c) => {
    const image = random(1, c.x);
    const { steps, tiles, products, y, weight, expected } = await planned(c, tensor(scope, image));
    const [t, p, out] = await run(scope, steps, [tiles, products, y]);
    const size = [y.shape[1], y.shape[2]] as const;
    const pad = [c.pad ?? 0, c.pad ?? 0] as const;
    expectClose(t, whole(tiles.shape, tilesReference(image, size, pad)).data);
    const made: Array4 = { shape: tiles.shape, data: t };
    expectClose(p, whole(products.shape, productsReference(made, weight)).data);
    expectClose(out, whole(y.shape, expected(image)).data);
  });

  it('reads and writes channel slices and leaves the other channels alone', async () => {
    const wide = random(1, [1, 6, 6, 24]);
    const slice = (t: Tensor, channel: number): Tensor => ({ ...t, shape: [1, 6, 6, 8], channel });
    const to = tensor(scope, wide);
    const c: Case = { x: [1, 6, 6, 8], cout: 8, pad: 1 };
    const { steps, expected } = await planned(c, slice(tensor(scope, wide), 8), slice(to, 16));
    const [actual] = await run(scope, steps, [to]);
    const own = wide.data.filter((_, i) => i % 24 >= 8 && i % 24 < 16);
    const made = whole([1, 6, 6, 8], expected({ shape: [1, 6, 6, 8], data: own }));
    expectClose(
      actual,
      wide.data.map((v, i) =>
        i % 24 < 16 ? v : made.data[Math.floor(i / 24) * 8 + (i % 24) - 16],
      ),
    );
  });

  it('makes the same bytes of an image alone and in a batch, which has other tiles', async () => {
    const three = random(1, [3, 14, 14, 8]);
    const last: Array4 = { shape: [1, 14, 14, 8], data: three.data.slice(2 * 14 * 14 * 8) };
    const [batch, alone] = await Promise.all(
      [three, last].map(async (image) => {
        const c: Case = { x: image.shape, cout: 32, pad: 1, activation: 'relu' };
        const { steps, y } = await planned(c, tensor(scope, image));
        return (await run(scope, steps, [y]))[0];
      }),
    );
    expect(batch.slice(2 * 14 * 14 * 32)).toEqual(alone);
  });

  it('counts the work of the convolution, in one of its steps', async () => {
    const c: Case = { x: [1, 8, 8, 32], cout: 16, pad: 1 };
    const { steps } = await planned(c, blank(scope, c.x));
    expect(steps.map(({ cost }) => cost.flop)).toEqual([0, 2 * 64 * 16 * 9 * 32, 0]);
    const elements = ELEMENTS * 4;
    expect(steps.map(({ cost }) => cost.written)).toEqual(
      [elements * 32, elements * 16, 64 * 16].map((n) => 4 * n),
    );
  });
});

describe('where winograd pays', () => {
  const layer = { kernel: [3, 3], stride: [1, 1], residual: false } as const;
  it.each([
    ['SENet50 stage 2', { cin: 64, cout: 64, out: [56, 56] }, true],
    ['SENet50 stage 4', { cin: 256, cout: 256, out: [14, 14] }, true],
    ['FaceNet 2b', { cin: 32, cout: 64, out: [77, 77] }, true],
    ['one tile of 36 products for 16 outputs', { cin: 256, cout: 256, out: [3, 3] }, false],
    ['weights of 38 MB', { cin: 512, cout: 512, out: [14, 14] }, false],
    ['FaceNet block35, many values for few sums', { cin: 32, cout: 32, out: [17, 17] }, false],
    ['few channels, so transforms weigh', { cin: 4, cout: 8, out: [56, 56] }, false],
    ['stride 2', { cin: 64, cout: 64, out: [56, 56], stride: [2, 2] }, false],
    ['1×1', { cin: 64, cout: 64, out: [56, 56], kernel: [1, 1] }, false],
    ['a residual', { cin: 64, cout: 64, out: [56, 56], residual: true }, false],
    ['channels that are not whole vec4s', { cin: 66, cout: 64, out: [56, 56] }, false],
  ] as const)('%s', (_name, shape, pays) => {
    expect(winogradPays({ ...layer, ...shape })).toBe(pays);
  });

  it('is in the large layers of the embedders, and nowhere in the cascade', () => {
    const senet = winogradLayers(resnet50(SENET50_VGGFACE2, true));
    expect([...senet]).toEqual(
      [3, 4, 6].flatMap((blocks, s) =>
        Array.from({ length: blocks }, (_, i) => `conv${s + 2}_${i + 1}_3x3`),
      ),
    );
    const facenet = winogradLayers(inceptionResnetV1);
    for (const name of ['Conv2d_2b_3x3', 'Conv2d_4a_3x3']) expect(facenet).toContain(name);
    expect(facenet).not.toContain('Conv2d_4b_3x3');
    for (const network of [pnet, rnet, onet]) expect(winogradLayers(network).size).toBe(0);
  });
});
