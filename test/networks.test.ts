import { beforeAll, describe, expect, test } from 'vitest';
import type { Shape } from '../src/engine/network.ts';
import { inceptionResnetV1 } from '../src/engine/networks/inceptionResnetV1.ts';
import { RESNET50_VGGFACE2, resnet50, SENET50_VGGFACE2 } from '../src/engine/networks/resnet50.ts';
import { importFormula } from '../src/engine/weights/formula.ts';
import { hasWeights, loadWeights } from '../src/engine/weights/load.ts';
import type { Tensors } from '../src/engine/weights/tensor.ts';
import type { Array4 } from '../src/kernels/reference.ts';
import { NETWORK_NMSE, nmse } from '../src/kernels/tolerance.ts';
import { expectStage, goldenFloats, goldenJson, hasGolden } from './support/golden.ts';
import { onGpu, onOnnxruntime } from './support/runners.ts';
import { cosine } from './support/tolerance.ts';

// onnxruntime on the ONNX export judges layer lists and importers; the GPU plan is judged by the same values.
const RUNNERS = [
  { where: 'onnxruntime', run: onOnnxruntime },
  { where: 'GPU', run: onGpu },
];

const FACENET_READY = hasGolden && hasWeights('facenet-vggface2');

describe.skipIf(!FACENET_READY)(
  'facenet-vggface2 on its real weights (needs ../shared/golden and the weights)',
  () => {
    let tensors: Tensors;
    let x: Array4;
    beforeAll(async () => {
      tensors = await loadWeights('facenet-vggface2');
      x = { shape: [2, 160, 160, 3], data: goldenFloats('facenet/input.f32') };
    });

    test.each(RUNNERS)('embeddings of two images on $where', async ({ run }) => {
      const y = (await run(inceptionResnetV1, tensors, x)).get('embeddings')!;
      expect(y.shape).toEqual([2, 1, 1, 512]);
      const golden = goldenFloats('facenet/embedding.f32');
      const worst = y.data.reduce((top, v, i) => Math.max(top, Math.abs(v - golden[i])), 0);
      expect(worst).toBeLessThanOrEqual(1e-5);
    });

    test.each(RUNNERS)('every stage on $where', async ({ run }) => {
      // The product before batch norm does not exist here: it is folded.
      const { 'Bottleneck/MatMul': _, ...stages } = goldenJson('facenet/stages.json').stages;
      const layerOf = (stage: string) =>
        /block|Block8/.test(stage) ? `${stage}/Conv2d_1x1` : stage.replace('/BatchNorm', '');
      const network = { ...inceptionResnetV1, outputs: Object.keys(stages).map(layerOf) };
      const one: Array4 = { shape: [1, 160, 160, 3], data: x.data.subarray(0, 160 * 160 * 3) };
      const y = await run(network, tensors, one);
      for (const [name, stage] of Object.entries(stages)) expectStage(y.get(layerOf(name))!, stage);
    });
  },
);

const VGGFACE2 = [
  { model: 'senet50-vggface2', golden: 'senet50', variant: SENET50_VGGFACE2, tail: '' },
  {
    model: 'resnet50-vggface2',
    golden: 'resnet50',
    variant: RESNET50_VGGFACE2,
    tail: '_1x1_increase',
  },
] as const;

describe.skipIf(!hasGolden).each(VGGFACE2)(
  '$model on formula weights (needs ../shared/golden)',
  ({ model, golden, variant, tail }) => {
    const { stages, classifierTop5 } = hasGolden
      ? goldenJson(`vggface2/${golden}.json`)
      : { stages: {}, classifierTop5: [] };
    let tensors: Tensors;
    beforeAll(async () => {
      tensors = await importFormula(model, true);
    });

    test.each(RUNNERS)('stages, embedding and names on $where', async ({ run }) => {
      const layerOf: Record<string, string> = {
        'conv1 relu': 'conv1/7x7_s2',
        pool1: 'pool1',
        'stage 2': `conv2_3${tail}`,
        'stage 3': `conv3_4${tail}`,
        'stage 4': `conv4_6${tail}`,
        'stage 5': `conv5_3${tail}`,
      };
      const whole = resnet50(variant, true);
      const outputs = [...Object.values(layerOf), ...whole.outputs];
      const y = await run({ ...whole, outputs }, tensors, formulaInput(1));
      for (const [name, stage] of Object.entries(stages)) expectStage(y.get(layerOf[name])!, stage);
      expectEmbedding(y.get('embedding')!.data, golden);
      const probabilities = y.get('probabilities')!.data;
      const top = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
      expect(top.slice(0, 5)).toEqual(classifierTop5.map(({ index }) => index));
      // Logits reach 192 on formula weights; the rounding of 50 layers, 1.5e-6 of that, moves a
      // probability by 5e-5 whatever the order of the sums.
      for (const { index, probability } of classifierTop5)
        expect(probabilities[index]).toBeCloseTo(probability, 3);
    });

    test('a batch of three on the GPU keeps its faces apart', async () => {
      const x = formulaInput(3);
      const size = x.data.length / 3;
      x.data.subarray(size, 2 * size).reverse();
      const y = (await onGpu(resnet50(variant, false), tensors, x)).get('embedding')!.data;
      const [first, second, third] = [0, 1, 2].map((i) => y.subarray(i * 2048, (i + 1) * 2048));
      expectEmbedding(first, golden);
      expectEmbedding(third, golden);
      // Made-up weights send all inputs to nearly the same place, but not this near.
      expect(nmse(second, first)).toBeGreaterThan(1000 * NETWORK_NMSE);
    });
  },
);

function expectEmbedding(y: Float32Array, name: string) {
  const golden = goldenFloats(`vggface2/${name}-embedding.f32`);
  expect(nmse(y, golden)).toBeLessThanOrEqual(NETWORK_NMSE);
  expect(cosine(y, golden)).toBeGreaterThanOrEqual(0.999999);
}

/** The golden input, repeated. */
function formulaInput(n: number): Array4 {
  const shape: Shape = [n, 224, 224, 3];
  const data = new Float32Array(n * 224 * 224 * 3);
  let i = 0;
  for (let b = 0; b < n; b++)
    for (let h = 0; h < 224; h++)
      for (let w = 0; w < 224; w++)
        for (let c = 0; c < 3; c++) data[i++] = 80 * Math.sin(0.05 * h + 0.07 * w + 1.3 * c);
  return { shape, data };
}
