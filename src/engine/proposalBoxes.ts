import type { Candidate } from '../kernels/candidates.ts';
import { type Corners, nms, regress, type ScoredBox, square } from './boxes.ts';
import { CELL, CELL_STRIDE, type Level } from './pyramid.ts';

interface Proposal extends ScoredBox {
  readonly offsets: Corners;
}

/**
 * P-Net's cells as squares of the image: suppressed within each level (0.5) and over all (0.7),
 * then moved by their offsets.
 */
export function proposalBoxes(cells: readonly Candidate[], levels: readonly Level[]): Corners[] {
  const kept = levels.flatMap(({ scale }, level) => {
    const boxes = cells.filter((c) => c.level === level).map((c) => proposal(c, scale));
    return nms(boxes, 0.5, 'union').map((i) => boxes[i]);
  });
  return nms(kept, 0.7, 'union').map((i) => {
    const { corners, offsets } = kept[i];
    return square(regress(corners, offsets, corners[2] - corners[0], corners[3] - corners[1]));
  });
}

function proposal({ row, col, score, offsets }: Candidate, scale: number): Proposal {
  const first = (cell: number) => Math.trunc((CELL_STRIDE * cell + 1) / scale);
  const last = (cell: number) => Math.trunc((CELL_STRIDE * cell + CELL) / scale);
  return { corners: [first(col), first(row), last(col), last(row)], score, offsets };
}
