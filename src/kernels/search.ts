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

/**
 * Rows × probes of an invocation: what lavapipe has registers for. Against 100,000 f16 rows of 512, in
 * ms of both cores together: one probe 50 with 1 × 1 and 30 with 8 × 1; 32 probes 1,554 with 1 × 1,
 * 548 with 4 × 4.
 */
function searchTile(probeCount: number): { readonly rows: number; readonly probes: number } {
  return probeCount === 1 ? { rows: 8, probes: 1 } : { rows: 4, probes: 4 };
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
  const tile = searchTile(probeCount);
  return step(scope, SEARCH, {
    label: `search ${count}`,
    constants: {
      BLOCK: SEARCH_BLOCK,
      HALF: format === 'f16',
      ROWS: tile.rows,
      PROBES: tile.probes,
    },
    bindings: [
      args.rows,
      args.probes,
      args.scores,
      args.indices,
      new Int32Array([count, dimensions / 4, k, blocks, probeCount]),
    ],
    workgroups: [blocks, Math.ceil(probeCount / tile.probes), 1],
    cost: {
      flop: 2 * probeCount * count * dimensions,
      read: count * dimensions * (format === 'f16' ? 2 : 4) + probeCount * dimensions * 4,
      written: probeCount * blocks * k * 8,
    },
  });
}
