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
  const order = boxes.map((_, i) => i).sort((a, b) => boxes[b].score - boxes[a].score || b - a);
  const keptNear = createGrid(boxes);
  const kept: number[] = [];
  for (const i of order) {
    const { corners } = boxes[i];
    const tiles = keptNear(corners);
    const covers = (k: number) => shared(boxes[k].corners, corners, overlap) > threshold;
    if (tiles.some((tile) => tile.some(covers))) continue;
    kept.push(i);
    for (const tile of tiles) tile.push(i);
  }
  return kept;
}

// Tiles about as large as a box, so that each box meets few others, however many there are.
function createGrid(boxes: readonly ScoredBox[]): (box: Corners) => number[][] {
  const sides = boxes.reduce((sum, { corners: [x1, , x2] }) => sum + Math.max(x2 - x1 + 1, 1), 0);
  const side = sides / boxes.length;
  const grid = new Map<number, number[]>();
  return ([x1, y1, x2, y2]) => {
    const tiles: number[][] = [];
    for (let row = Math.floor(y1 / side); row <= Math.floor((y2 + 1) / side); row++)
      for (let column = Math.floor(x1 / side); column <= Math.floor((x2 + 1) / side); column++) {
        const key = row * 2 ** 24 + column;
        const tile = grid.get(key) ?? [];
        if (tile.length === 0) grid.set(key, tile);
        tiles.push(tile);
      }
    return tiles;
  };
}

// Of boxes that meet nowhere it is 0, also where one has no area.
function shared(a: Corners, b: Corners, overlap: Overlap): number {
  const w = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]) + 1);
  const h = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]) + 1);
  if (w === 0 || h === 0) return 0;
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
