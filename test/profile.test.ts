import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { decodeImage } from '../src/engine/image/decode.ts';
import { createImageBuffer } from '../src/engine/imageBuffer.ts';
import { parameters } from '../src/engine/network.ts';
import { onet, rnet } from '../src/engine/networks/mtcnn.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { refinementSections } from '../src/engine/profile/detectorSections.ts';
import { measure } from '../src/engine/profile/measure.ts';
import { networkParity } from '../src/engine/profile/networkParity.ts';
import { compare, type Parity, sample } from '../src/engine/profile/parity.ts';
import { profileModel } from '../src/engine/profile/profileModel.ts';
import type { Section } from '../src/engine/profile/section.ts';
import { testImage } from '../src/engine/profile/testImage.ts';
import { hasWeights } from '../src/engine/weights/load.ts';
import type { Tensors } from '../src/engine/weights/tensor.ts';
import { timeSteps } from '../src/gpu/clock.ts';
import { type Gpu, openGpu } from '../src/gpu/device.ts';
import { closeScope } from '../src/gpu/plan.ts';
import { conv } from '../src/kernels/conv.ts';
import { blank, testGpu, testScope, vector } from './support/gpu.ts';
import { randomTensor } from './support/random.ts';

const CONV = readFileSync(new URL('../src/kernels/conv.wgsl', import.meta.url), 'utf8');
const IMAGE = testImage(160, 120);
const BATCH = 5;

/** R- and O-Net on made-up weights. */
function sectionsOn(gpu: Gpu): Promise<Section[]> {
  const tensors: Tensors = new Map(
    [...rnet.layers, ...onet.layers].flatMap(parameters).map(({ name, shape }, seed) => {
      const values = randomTensor(seed, [1, 1, 1, shape.reduce((a, b) => a * b)]).data;
      const fanIn = shape.slice(0, -1).reduce((a, b) => a * b, 1);
      return [name, { shape, data: values.map((v) => v / Math.sqrt(fanIn)) }];
    }),
  );
  return refinementSections(gpu, IMAGE, createImageBuffer(gpu).load(IMAGE), tensors, BATCH);
}

async function check(gpu: Gpu, sections: readonly Section[]): Promise<Map<string, Parity>> {
  const parities = new Map<string, Parity>();
  for (const { name, subjects } of sections)
    for (const subject of subjects)
      parities.set(`${subject.step.kernel} ${name} ${subject.name}`, await subject.check(gpu));
  return parities;
}

/** A device with another conv.wgsl, and its findings. */
async function withConv<T>(source: string, work: (gpu: Gpu) => Promise<T>): Promise<T> {
  const gpu = await openGpu(new Map([['conv', { path: 'mine.wgsl', source }]]));
  try {
    return await work(gpu);
  } finally {
    gpu.device.destroy();
  }
}

describe('the cost of a convolution', () => {
  it('is what one counts by hand', async () => {
    const scope = await testScope();
    const args = {
      label: 'test',
      x: blank(scope, [2, 10, 8, 5]),
      y: blank(scope, [2, 8, 6, 7]),
      weight: vector(scope, new Float32Array(9 * 8 * 8 + 32)),
      bias: vector(scope, new Float32Array(7)),
      kernel: [3, 3],
      stride: [1, 1],
      pad: [0, 0],
      activation: 'relu',
    } as const;
    const plain = await conv(scope, args);
    // 2 images of 8·6 pixels of 7 channels, each a sum of 3·3·5 products.
    expect(plain.cost.flop).toBe(2 * 48 * 7 * 2 * 45);
    // Channels lie in fours: 5 take 8, 7 take 8. Weights 3·3·5·7 and 7 biases, 4 bytes each.
    expect(plain.cost.read).toBe(2 * 80 * 8 * 4 + (315 + 7) * 4);
    expect(plain.cost.written).toBe(2 * 48 * 8 * 4);
    const residual = blank(scope, [2, 8, 6, 7]);
    const sum = await conv(scope, { ...args, residual });
    expect(sum.cost.flop - plain.cost.flop).toBe(2 * 48 * 7);
    expect(sum.cost.read - plain.cost.read).toBe(2 * 48 * 8 * 4);
    closeScope(scope);
  });
});

describe('parity', () => {
  it('has errors, root mean square and outliers as counted by hand', () => {
    const pairs = [
      [1, 1],
      [2, 2.5],
      [-10, -10.00001],
      [0, 0],
    ] as const;
    const { max, rms, ...rest } = compare(pairs, 9);
    expect(max).toBeCloseTo(0.5, 10);
    expect(rms).toBeCloseTo(0.25, 6);
    // 1e-5 + 1e-5 · 10.00001 is allowed.
    expect(rest).toEqual({ scale: 10.00001, n: 4, of: 9, outside: 1 });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('takes %s for wrong', (value) => {
    const parity = compare(
      [
        [value, 1],
        [1, 1],
      ],
      2,
    );
    expect(parity).toEqual({ max: null, rms: null, scale: 1, n: 2, of: 2, outside: 1 });
  });

  it('looks at every value of a small output, else at the corners and an even spread, always alike', () => {
    expect(sample([1, 2, 3, 4])).toHaveLength(24);
    const shape = [2, 90, 70, 33] as const;
    const places = sample(shape);
    expect(places).toHaveLength(512);
    expect(new Set(places.map(String)).size).toBe(512);
    expect(places).toEqual(sample(shape));
    expect(places).toContainEqual([0, 0, 0, 0]);
    expect(places).toContainEqual([1, 89, 69, 32]);
    expect(places).toContainEqual([0, 89, 0, 32]);
    for (let tenth = 0; tenth < 10; tenth++) {
      const rows = places.filter(([, y]) => Math.floor(y / 9) === tenth);
      expect(rows.length).toBeGreaterThan(30);
    }
  });
});

describe('R- and O-Net on made-up weights', () => {
  let gpu: Gpu;
  let sections: Section[];
  beforeAll(async () => {
    gpu = await testGpu();
    sections = await sectionsOn(gpu);
  });
  afterAll(() => {
    for (const section of sections) section.close();
  });

  it('are exact at every step and as a whole', async () => {
    const parities = await check(gpu, sections);
    expect(parities.size).toBe(1 + rnet.layers.length + 1 + onet.layers.length);
    for (const [name, { outside, n, scale }] of parities) {
      expect(outside, name).toBe(0);
      expect(n, name).toBeGreaterThan(20);
      expect(scale, name).toBeGreaterThan(0.01);
    }
    for (const section of sections) {
      const whole = await networkParity(gpu, section);
      expect(whole).toMatchObject({ against: 'onnxruntime', outside: 0 });
      expect(whole!.nmse).toBeLessThan(1e-10);
      expect(whole!.n).toBe(BATCH * (section.name === 'rnet' ? 6 : 16));
    }
  });

  it.each(['timestamp-query', 'wall'] as const)('are timed in order by %s', async (clock) => {
    const steps = sections.flatMap(({ subjects }) => subjects.map(({ step }) => step));
    const spans = await timeSteps(gpu, steps, clock);
    expect(spans).toHaveLength(steps.length);
    expect(spans[0].begin).toBe(0);
    spans.forEach(({ begin, end }, i) => {
      expect(end).toBeGreaterThanOrEqual(begin);
      if (i > 0) expect(begin).toBeGreaterThanOrEqual(spans[i - 1].end);
    });
    expect(spans.at(-1)!.end).toBeGreaterThan(0);
  });

  it('are run as often as asked, beside the ceilings, a turn each', async () => {
    let turns = 0;
    const seen: number[] = [];
    const found = await measure(
      gpu,
      sections,
      3,
      (task) => {
        turns++;
        return task();
      },
      (run) => seen.push(run),
    );
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(turns).toBe(4 * (2 * sections.length + 1));
    expect(found.sections.map(({ whole }) => whole.n)).toEqual([3, 3]);
    for (const { steps, middle } of found.sections) {
      expect(steps.every((times) => times.length === 3)).toBe(true);
      expect(middle).toHaveLength(steps.length);
    }
    expect(found.ceilings.n).toBe(9);
    // Any machine that runs this moves more than 10 MB and computes more than 100 MFLOP a second.
    expect(found.ceilings.bytesPerSecond).toBeGreaterThan(1e7);
    expect(found.ceilings.flopPerSecond).toBeGreaterThan(1e8);
  });
});

describe('a file in place of a kernel', () => {
  const findings = (source: string) =>
    withConv(source, async (gpu) => check(gpu, await sectionsOn(gpu)));

  it('is used, and is right when it is the same', async () => {
    const parities = await findings(`// mine\n${CONV}`);
    expect([...parities.values()].every(({ outside }) => outside === 0)).toBe(true);
  });

  it('is caught where it is wrong, and only there', async () => {
    const wrong = CONV.replace('return slope[co]', 'return vec4f(0)');
    expect(wrong).not.toBe(CONV);
    const parities = await findings(wrong);
    for (const [name, { outside }] of parities) {
      const prelu = name.startsWith('conv') && !name.endsWith('head');
      if (prelu) expect(outside, name).toBeGreaterThan(0);
      else expect(outside, name).toBe(0);
    }
  });

  it('is caught in the outputs of the network as well', async () => {
    const wrong = CONV.replace('return slope[co]', 'return vec4f(0)');
    const whole = await withConv(wrong, async (gpu) =>
      networkParity(gpu, (await sectionsOn(gpu))[0]),
    );
    expect(whole!.nmse).toBeGreaterThan(1e-4);
    expect(whole!.outside).toBe(whole!.n);
  });

  it('is caught when it forgets the last pixel of the last image', async () => {
    const wrong = CONV.replace('TM * WIDTH, end)', 'TM * WIDTH, end - 1)');
    expect(wrong).not.toBe(CONV);
    const parities = await findings(wrong);
    expect(parities.get('conv rnet rnet/conv1')!.outside).toBeGreaterThan(0);
  });

  it('that does not compile is told by file, line and column', async () => {
    const lines = CONV.split('\n');
    const at = lines.findIndex((line) => line.includes('var place = windows(m0, WIDTH)'));
    lines[at] = '  let broken = nowhere;';
    await expect(findings(lines.join('\n'))).rejects.toMatchObject({
      code: 'InvalidInput',
      message: `mine.wgsl:${at + 1}:16 unresolved value 'nowhere'`,
    });
  });

  it('that has other bindings is told so in one line', async () => {
    const other = CONV.replace('@binding(6) var<uniform> s', '@binding(6) var<storage> s');
    const error = await findings(other).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'InvalidInput' });
    expect((error as Error).message).toMatch(/^mine\.wgsl does not fit kernel conv: [^\n]+$/);
  });
});

describe.skipIf(!hasWeights('mtcnn'))('mtcnn as a whole (needs its weights)', () => {
  const options = { model: 'mtcnn', batch: 2, runs: 2, image: [96, 72] } as const;
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine();
  });
  afterAll(() => engine.close());

  it('is profiled while other requests get the answers they get without', async () => {
    const path = new URL('../docs/people.jpg', import.meta.url);
    const image = await decodeImage(readFileSync(path));
    const before = await engine.detect(image, { minFaceSize: 60 });
    expect(before).toHaveLength(3);
    const profiling = engine.profile(options);
    await expect(engine.profile(options)).rejects.toMatchObject({
      code: 'EngineBusy',
      details: { retryAfter: 30 },
    });
    let done = false;
    void profiling.finally(() => {
      done = true;
    });
    let answers = 0;
    while (!done) {
      expect(await engine.detect(image, { minFaceSize: 60 })).toEqual(before);
      answers++;
    }
    const { steps, sections, clock } = await profiling;
    expect(answers).toBeGreaterThan(5);
    expect(clock).toBe('timestamp-query');
    expect(sections.map(({ name }) => name)).toEqual(['pnet', 'rnet', 'onet']);
    expect(steps.filter(({ parity }) => parity.outside > 0)).toEqual([]);
    expect(new Set(steps.map(({ section, name }) => `${section} ${name}`)).size).toBe(steps.length);
    // 96×72 at 0.6 is 58×44; P-Net's first convolution makes 56·42·10 sums of 3·3·3 products.
    const first = steps.find(({ name }) => name === 'level 0 58×44/pnet/conv1')!;
    expect(first).toMatchObject({ kernel: 'conv', output: [1, 42, 56, 10] });
    expect(first.flop).toBe(56 * 42 * 10 * 2 * 27);
    expect(first.flopPerSecond).toBeCloseTo(first.flop / (first.time.median / 1000), -3);
    expect(steps.some(({ kernel }) => kernel === 'candidates')).toBe(true);
  });

  it('says which kernels it runs when another is replaced', async () => {
    const gpu = await openGpu(new Map([['gate', { path: 'mine.wgsl', source: CONV }]]));
    await expect(profileModel(gpu, options)).rejects.toThrow(
      'the model runs no kernel gate, only candidates, conv, pool, resize',
    );
    gpu.device.destroy();
  });

  it.each([
    [{ batch: 0 }, /batch 0/],
    [{ runs: 1.5 }, /runs 1.5/],
    [{ image: [8, 90] as const }, /image 8/],
    [{ model: 'nobody' }, /no model is called nobody/],
    [{ model: 'resnet50-imagenet', formula: true }, /only for senet50|no weights/],
  ])('refuses %o', async (wrong, reason) => {
    await expect(engine.profile({ ...options, ...wrong })).rejects.toThrow(reason);
  });
});
