/**
 * Box arithmetic of mtcnn 0.1: corners x1 y1 x2 y2 are 1-based and both inclusive, as in the Matlab
 * original, so a box is x2 − x1 + 1 wide and its first pixel is x1 − 1.
 */

export type Corners = readonly [x1: number, y1: number, x2: number, y2: number];

export interface ScoredBox {
  readonly corners: Corners;
  readonly score: number;
}

/** How much of two boxes is shared: of their union, or of the smaller one. */
export type Overlap = 'union' | 'min';

/**
 * Non-maximum suppression: indices of the boxes that no better kept box overlaps by more than
 * `threshold`, best first; of equal scores the later box wins, as with numpy's argsort.
 */
export function nms(boxes: readonly ScoredBox[], threshold: number, overlap: Overlap): number[] {
  let rest = boxes.map((_, i) => i).sort((a, b) => boxes[b].score - boxes[a].score || b - a);
  const kept: number[] = [];
  while (rest.length > 0) {
    const [best, ...others] = rest;
    kept.push(best);
    const { corners } = boxes[best];
    rest = others.filter((i) => shared(corners, boxes[i].corners, overlap) <= threshold);
  }
  return kept;
}

function shared(a: Corners, b: Corners, overlap: Overlap): number {
  const w = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]) + 1);
  const h = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]) + 1);
  const [areaA, areaB] = [area(a), area(b)];
  return (w * h) / (overlap === 'min' ? Math.min(areaA, areaB) : areaA + areaB - w * h);
}

function area([x1, y1, x2, y2]: Corners): number {
  return (x2 - x1 + 1) * (y2 - y1 + 1);
}

/** Moves each corner by its offset, in fractions of a width and height. */
export function regress(box: Corners, offsets: Corners, w: number, h: number): Corners {
  return [
    box[0] + offsets[0] * w,
    box[1] + offsets[1] * h,
    box[2] + offsets[2] * w,
    box[3] + offsets[3] * h,
  ];
}

/** The square of the longer side around the same centre. */
export function square([x1, y1, x2, y2]: Corners): Corners {
  const side = Math.max(x2 - x1, y2 - y1);
  const x = x1 + (x2 - x1) * 0.5 - side * 0.5;
  const y = y1 + (y2 - y1) * 0.5 - side * 0.5;
  return [x, y, x + side, y + side];
}

export function truncate([x1, y1, x2, y2]: Corners): Corners {
  return [Math.trunc(x1), Math.trunc(y1), Math.trunc(x2), Math.trunc(y2)];
}
