import { afterEach, beforeEach, expect, it } from 'vitest';
import { NORMALISE } from '../src/engine/detect.ts';
import { createImageBuffer, type ImageBuffer } from '../src/engine/imageBuffer.ts';
import { parameters } from '../src/engine/network.ts';
import { pnet } from '../src/engine/networks/mtcnn.ts';
import { planProposals } from '../src/engine/proposals.ts';
import { uploadWeights, type WeightBuffer } from '../src/engine/weightBuffer.ts';
import { closeScope, type Scope } from '../src/gpu/plan.ts';
import type { Candidate } from '../src/kernels/candidates.ts';
import { testScope } from './support/gpu.ts';
import { randomArray } from './support/random.ts';

let scope: Scope;
let images: ImageBuffer;
let weights: WeightBuffer;
beforeEach(async () => {
  scope = await testScope();
  images = createImageBuffer(scope.gpu);
  const named = pnet.layers.flatMap(parameters).map(({ name, shape }, i) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, { shape, data: randomArray(i + 1, size).map((x) => x / 4) }] as const;
  });
  weights = uploadWeights(scope, pnet, new Map(named));
});
afterEach(() => {
  images.destroy();
  closeScope(scope);
});

async function proposals(side: number, threshold: number): Promise<Candidate[]> {
  const data = Uint8Array.from(randomArray(side, side * side * 3), (x) => (x + 1) * 128);
  const image = images.load({ width: side, height: side, data });
  const levels = [{ scale: 1, width: side, height: side }];
  const plan = await planProposals(scope.gpu, weights, image, levels, threshold, NORMALISE);
  return plan.run().finally(plan.destroy);
}

// How many come back with their number, how many fit into the buffer that is kept, and more than those.
it.each([
  [100, 45],
  [200, 95],
  [400, 195],
])(
  'a level of %i² brings back each of its %i² cells, or those that reach the threshold',
  async (side, cells) => {
    const all = await proposals(side, 0);
    const places = Array.from({ length: cells ** 2 }, (_, i) => [Math.floor(i / cells), i % cells]);
    expect(all.map(({ row, col }) => [row, col])).toEqual(places);
    const scores = all.map(({ score }) => score).sort((a, b) => a - b);
    for (const share of [0.5, 0.95]) {
      const threshold = scores[Math.floor(scores.length * share)];
      const some = await proposals(side, threshold);
      expect(some).toEqual(all.filter(({ score }) => score >= threshold));
      expect(some.length).toBeGreaterThan(0);
    }
  },
);
