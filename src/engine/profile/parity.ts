import type { Gpu } from '../../gpu/device.ts';
import { encode, type Step } from '../../gpu/plan.ts';
import { type Source, submitAndRead } from '../../gpu/readback.ts';
import { binding, type Tensor, unpad } from '../../gpu/tensor.ts';
import type { Array4 } from '../../kernels/reference.ts';
import { allowance } from '../../kernels/tolerance.ts';
import type { Shape } from '../network.ts';

/** How near an output is to its reference. */
export interface Parity {
  /** Largest |y − r|; null when a value is not a number. */
  readonly max: number | null;
  /** √ of the mean of (y − r)². */
  readonly rms: number | null;
  /** Largest |r|. */
  readonly scale: number;
  /** Values compared, out of how many. */
  readonly n: number;
  readonly of: number;
  /** Those that are further off than the tolerance policy allows. */
  readonly outside: number;
}

/**
 * Of the outputs of a section's networks, and who says so. Networks are held to the mean of their
 * outputs, not to each: `outside` is all of them or none.
 */
export interface NetworkParity extends Parity {
  readonly against: 'onnxruntime' | 'scalar reference';
  /** Σ (y − r)² / Σ r²; null when a value is not a number. */
  readonly nmse: number | null;
}

/** The reference of one element; null where rounding may go either way. */
export type Expected = (n: number, y: number, x: number, c: number) => number | null;

/** A value and what it should be. */
export type Pair = readonly [value: number, expected: number];

/** Positions looked at in an output that has more. */
const SAMPLE = 512;
/** Multiples of it fall evenly between 0 and 1 however many there are. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Runs a step by itself and compares what it makes with its reference on the inputs it had. */
export async function checkStep(
  gpu: Gpu,
  step: Step,
  inputs: readonly Tensor[],
  output: Tensor,
  reference: (inputs: readonly Array4[]) => Expected,
  rtol?: number,
): Promise<Parity> {
  const before = await readTensors(gpu, [], inputs);
  const [y] = await readTensors(gpu, [step], [output]);
  const expected = reference(before);
  const places = sample(y.shape);
  const pairs = places.flatMap((place): Pair[] => {
    const r = expected(...place);
    return r === null ? [] : [[y.data[indexOf(y.shape, place)], r]];
  });
  return compare(pairs, y.data.length, rtol);
}

/** The tensors after the steps, if any, have run. */
export async function readTensors(
  gpu: Gpu,
  steps: readonly Step[],
  tensors: readonly Tensor[],
): Promise<Array4[]> {
  if (steps.length + tensors.length === 0) return [];
  const sources = tensors.map(
    (t): Source => ({ buffer: t.buffer, offset: t.offset, size: binding(t).size! }),
  );
  const bytes = await submitAndRead(
    gpu,
    (encoder) => {
      if (steps.length > 0) encode(encoder, steps);
    },
    sources,
  );
  return tensors.map((t, i) => ({ shape: t.shape, data: unpad(t, bytes[i]) }));
}

/** Errors of pairs out of `of` values. */
export function compare(pairs: Iterable<Pair>, of: number, rtol?: number): Parity {
  const errors: number[] = [];
  let scale = 0;
  for (const [value, expected] of pairs) {
    errors.push(Math.abs(value - expected));
    scale = Math.max(scale, Math.abs(expected));
  }
  const limit = allowance(scale, rtol);
  let [max, squares, outside] = [0, 0, 0];
  for (const error of errors) {
    if (!(error <= limit)) outside++;
    // Math.max hands a NaN on.
    max = Math.max(max, error);
    squares += error * error;
  }
  const n = errors.length;
  const finite = Number.isFinite(max) && Number.isFinite(squares);
  return {
    max: finite ? max : null,
    rms: finite ? Math.sqrt(squares / Math.max(1, n)) : null,
    scale,
    n,
    of,
    outside,
  };
}

/**
 * Positions of a shape to look at: all when there are few; else the corners, where kernels go wrong
 * first, and others spread evenly, the same ones every time.
 */
export function sample(shape: Shape): Shape[] {
  const total = shape.reduce((a, b) => a * b);
  if (total <= SAMPLE) return Array.from({ length: total }, (_, i) => positionOf(shape, i));
  const chosen = new Set<number>();
  for (let corner = 0; corner < 16; corner++)
    chosen.add(
      indexOf(shape, shape.map((size, axis) => ((corner >> axis) & 1) * (size - 1)) as Position),
    );
  for (let i = 1; chosen.size < SAMPLE; i++) chosen.add(Math.floor(((i * GOLDEN) % 1) * total));
  return [...chosen].map((i) => positionOf(shape, i));
}

type Position = [n: number, y: number, x: number, c: number];

function positionOf([, h, w, c]: Shape, i: number): Position {
  const pixel = Math.floor(i / c);
  const row = Math.floor(pixel / w);
  return [Math.floor(row / h), row % h, pixel % w, i % c];
}

function indexOf([, h, w, c]: Shape, [n, y, x, k]: Shape): number {
  return ((n * h + y) * w + x) * c + k;
}
