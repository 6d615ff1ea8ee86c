import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';
import { binding, byteLength, type Tensor } from '../gpu/tensor.ts';
import { gridOf } from './grid.ts';

/** Words of a candidate, see candidates.wgsl. */
export const CANDIDATE_WORDS = 8;

export interface CandidatesArgs {
  readonly label: string;
  /** [1, H, W, 6]. */
  readonly head: Tensor;
  readonly level: number;
  /** Row of the level that row 0 of `head` is. */
  readonly first: number;
  /** Probability from which a cell counts. */
  readonly threshold: number;
  /** One u32, 0 before the first level. */
  readonly count: GPUBuffer;
  readonly found: GPUBuffer;
}

const CANDIDATES = kernel(import.meta.url, 'candidates', [
  'storage',
  'storage',
  'storage',
  'uniform',
]);

/** Appends the cells of a P-Net output that may hold a face to `found`. */
export function candidates(scope: Scope, args: CandidatesArgs): Promise<Step> {
  const { head, found } = args;
  const [, h, w, c] = head.shape;
  if (c !== 6 || head.stride !== 8)
    throw new Error(`candidates ${args.label}: head has ${c} channels`);
  const values = new ArrayBuffer(32);
  const capacity = Math.floor(found.size / (CANDIDATE_WORDS * 4));
  new Int32Array(values).set([args.level, args.first, w, h * w, capacity]);
  new Float32Array(values)[5] = args.threshold;
  return step(scope, CANDIDATES, {
    label: args.label,
    constants: {},
    bindings: [binding(head), { buffer: args.count }, { buffer: found }, new Int32Array(values)],
    workgroups: gridOf(h * w, 64),
    // A sigmoid a cell; how many are written the data decides.
    cost: { flop: 4 * h * w, read: byteLength(head.shape), written: 0 },
  });
}

/** One cell, read back. */
export interface Candidate {
  readonly level: number;
  readonly row: number;
  readonly col: number;
  readonly score: number;
  /** x1 y1 x2 y2 as fractions of the cell's box. */
  readonly offsets: readonly [number, number, number, number];
}

/** Candidates out of the bytes of `found`, in reading order of their levels. */
export function readCandidates(bytes: ArrayBuffer, count: number): Candidate[] {
  const words = new Uint32Array(bytes);
  const floats = new Float32Array(bytes);
  return Array.from({ length: count }, (_, i): Candidate => {
    const at = i * CANDIDATE_WORDS;
    const [level, row, col] = words.subarray(at, at + 3);
    const [a, b, c, d] = floats.subarray(at + 4, at + 8);
    return { level, row, col, score: floats[at + 3], offsets: [a, b, c, d] };
  }).sort((p, q) => p.level - q.level || p.row - q.row || p.col - q.col);
}
