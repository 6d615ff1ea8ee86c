import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { z } from 'zod';
import type { Array4 } from '../../src/kernels/reference.ts';

const ROOT = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));

/** Whether the golden outputs lie beside this checkout. */
export const hasGolden = existsSync(ROOT);

/** What is known of one intermediate tensor of image 0. */
const StageSchema = z.object({
  shapeNHWC: z.array(z.number()),
  mean: z.number(),
  rms: z.number(),
  first8: z.array(z.number()),
});

export type Stage = z.infer<typeof StageSchema>;

const Golden = z.object({
  stages: z.record(z.string(), StageSchema),
  classifierTop5: z.array(z.object({ index: z.number(), probability: z.number() })).default([]),
});

export function goldenJson(path: string): z.infer<typeof Golden> {
  return Golden.parse(JSON.parse(readFileSync(ROOT + path, 'utf8')));
}

export function goldenFloats(path: string): Float32Array {
  return new Float32Array(new Uint8Array(readFileSync(ROOT + path)).buffer);
}

/** Image 0 of `y` has the shape, mean, root mean square and first values of the stage. */
export function expectStage(y: Array4, stage: Stage): void {
  const [n, ...rest] = y.shape;
  const shape = stage.shapeNHWC;
  expect(rest).toEqual([...Array(4 - shape.length).fill(1), ...shape.slice(1)]);
  const data = y.data.subarray(0, y.data.length / n);
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
  const rms = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
  // Values of one tensor differ by their terms, whose size is the tensor's own.
  const limit = 1e-4 * stage.rms;
  expect(Math.abs(mean - stage.mean)).toBeLessThanOrEqual(limit);
  expect(Math.abs(rms - stage.rms)).toBeLessThanOrEqual(limit);
  data.subarray(0, 8).forEach((v, i) => {
    expect(Math.abs(v - stage.first8[i])).toBeLessThanOrEqual(limit * 10);
  });
}
