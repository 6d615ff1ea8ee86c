import { kernel } from '../gpu/pipeline.ts';
import { type Scope, type Step, step } from '../gpu/plan.ts';

/** Rows a workgroup scans. */
export const SEARCH_BLOCK = 1024;

/** How rows lie in memory; the arithmetic is f32 either way. */
export type RowFormat = 'f32' | 'f16';

export interface SearchArgs {
  /** [N][D], D a multiple of 4 in f32, of 8 in f16. */
  readonly rows: GPUBufferBinding;
  readonly format: RowFormat;
  /** [P][D] f32. */
  readonly probes: GPUBufferBinding;
  /** [P][B][K] f32 and i32, B = ceil(N / SEARCH_BLOCK). */
  readonly scores: GPUBufferBinding;
  readonly indices: GPUBufferBinding;
  readonly count: number;
  readonly dimensions: number;
  readonly probeCount: number;
  readonly k: number;
}

/** Rows of an invocation: with 8 lavapipe runs out of registers, and f16 rows take 1.3 times as long. */
const ROWS = 4;

/** Probes of an invocation. */
function probesOf(probeCount: number): number {
  return probeCount === 1 ? 1 : 4;
}

const SEARCH = kernel(import.meta.url, 'search', ['read', 'read', 'storage', 'storage', 'uniform']);

/** The k most similar rows of each block of rows, for each probe. */
export function search(scope: Scope, args: SearchArgs): Promise<Step> {
  const { count, dimensions, probeCount, k, format } = args;
  const multiple = format === 'f16' ? 8 : 4;
  if (dimensions % multiple !== 0)
    throw new Error(`search: D ${dimensions} is not a multiple of ${multiple}`);
  if (k > SEARCH_BLOCK) throw new Error(`search: k ${k} exceeds the block of ${SEARCH_BLOCK} rows`);
  const blocks = Math.ceil(count / SEARCH_BLOCK);
  const probes = probesOf(probeCount);
  return step(scope, SEARCH, {
    label: `search ${count}`,
    constants: {
      BLOCK: SEARCH_BLOCK,
      HALF: format === 'f16',
      ROWS,
      PROBES: probes,
    },
    bindings: [
      args.rows,
      args.probes,
      args.scores,
      args.indices,
      new Int32Array([count, dimensions / 4, k, blocks, probeCount]),
    ],
    workgroups: [blocks, Math.ceil(probeCount / probes), 1],
    cost: {
      flop: 2 * probeCount * count * dimensions,
      read: count * dimensions * (format === 'f16' ? 2 : 4) + probeCount * dimensions * 4,
      written: probeCount * blocks * k * 8,
    },
  });
}
