import { layOutNetwork } from './networkPlan.ts';
import { pnet } from './networks/mtcnn.ts';

/** P-Net looks at 12 × 12 cells, one every 2 pixels. */
export const CELL = 12;
export const CELL_STRIDE = 2;

/** A level of the image pyramid. */
export interface Level {
  /** Level pixels per image pixel. */
  readonly scale: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Levels that need every pipeline that an image of any size can: a tile of the convolution serves
 * numbers of output pixels up to twice its smallest, and these grow by less from strip to strip.
 */
export const WARM_LEVELS: readonly Level[] = [1, 2, 4, 8, 16, 32, 64, 128, 256].map((cells) => ({
  scale: 1,
  width: CELL + CELL_STRIDE * (cells - 1),
  height: CELL,
}));

/** The levels in which faces of at least `minFaceSize` pixels fill a cell, largest first. */
export function pyramid(
  width: number,
  height: number,
  minFaceSize: number,
  scaleFactor: number,
): Level[] {
  const levels: Level[] = [];
  let scale = CELL / minFaceSize;
  let shorter = Math.min(width, height) * scale;
  while (shorter >= CELL) {
    levels.push({ scale, width: Math.ceil(width * scale), height: Math.ceil(height * scale) });
    scale *= scaleFactor;
    shorter *= scaleFactor;
  }
  return levels;
}

/** Rows of a level that P-Net takes at once. */
export interface Band {
  /** First row of the level; even. */
  readonly first: number;
  readonly rows: number;
  /** First output row that is new here. */
  readonly cellRow: number;
}

/**
 * Cuts a level into bands whose tensors fit into `maxBytes`. Bands share the rows a cell needs
 * beyond its own two, and start at even rows so that the pool's windows fall as in the whole.
 */
export function bands(level: Level, maxBytes: number): Band[] {
  const bytesPerRow = layOutNetwork(pnet, [1, 64, level.width, 3]).arena.bytes / 64;
  const rows = Math.max(CELL, Math.floor(maxBytes / bytesPerRow / 2) * 2);
  if (rows >= level.height) return [{ first: 0, rows: level.height, cellRow: 0 }];
  const made: Band[] = [];
  const advance = rows - CELL + CELL_STRIDE;
  for (let first = 0; ; first += advance) {
    const last = first + rows >= level.height;
    made.push({ first, rows: last ? level.height - first : rows, cellRow: first / CELL_STRIDE });
    if (last) return made;
  }
}
