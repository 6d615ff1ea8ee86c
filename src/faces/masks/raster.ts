import type { Point3, Pose } from './pose.ts';
import type { Sheet } from './shape.ts';

/** What is drawn, over part of an image: colours already weighted by how much they cover. */
export interface Layer {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** height × width × 3. */
  readonly colour: Float32Array;
  /** height × width, 0 to 1. */
  readonly cover: Float32Array;
}

/** The colour of a sheet at a place of it, with the normal there as the camera sees it. */
export type Shader = (
  part: Sheet['part'],
  u: number,
  v: number,
  normal: Point3,
) => readonly [number, number, number];

interface Vertex {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  /** What is interpolated: VALUES numbers. */
  readonly values: readonly number[];
}

// u, v and the normal.
const VALUES = 5;

/** What is nearest at each sample so far; `part` is what is being drawn. */
interface Samples {
  readonly depth: Float32Array;
  /** VALUES of each sample. */
  readonly surface: Float32Array;
  readonly parts: Uint8Array;
  readonly part: number;
}

/**
 * Draws sheets as the pose shows them; what turns its back, or lies behind something nearer, is not seen.
 * Edges are smoothed by several samples a pixel.
 * @param margin pixels left free around, for what is to be drawn there.
 */
export function rasterise(
  sheets: readonly Sheet[],
  pose: Pose,
  image: { readonly width: number; readonly height: number },
  margin: number,
  shader: Shader,
): Layer {
  const meshes = sheets.map((sheet) => ({ sheet, vertices: verticesOf(sheet, pose) }));
  const all = meshes.flatMap(({ vertices }) => vertices);
  const bound = (value: number, limit: number) => Math.min(Math.max(value, 0), limit);
  const left = bound(Math.floor(Math.min(...all.map(({ x }) => x)) - margin), image.width);
  const top = bound(Math.floor(Math.min(...all.map(({ y }) => y)) - margin), image.height);
  const width = bound(Math.ceil(Math.max(...all.map(({ x }) => x)) + margin), image.width) - left;
  const height = bound(Math.ceil(Math.max(...all.map(({ y }) => y)) + margin), image.height) - top;
  const layer: Layer = {
    left,
    top,
    width,
    height,
    colour: new Float32Array(width * height * 3),
    cover: new Float32Array(width * height),
  };
  if (width === 0 || height === 0) return layer;
  const samples = pose.scale > 150 ? 2 : 3;
  const grid = { width: width * samples, height: height * samples };
  const depth = new Float32Array(grid.width * grid.height).fill(-Infinity);
  const surface = new Float32Array(grid.width * grid.height * VALUES);
  const parts = new Uint8Array(grid.width * grid.height);
  for (const [part, { sheet, vertices }] of meshes.entries())
    for (const corners of triangles(sheet))
      fill(
        corners.map((i) => vertices[i]),
        (x) => (x - left) * samples,
        (y) => (y - top) * samples,
        grid,
        { depth, surface, parts, part },
      );
  const share = 1 / samples ** 2;
  for (let y = 0, at = 0; y < grid.height; y++)
    for (let x = 0; x < grid.width; x++, at++) {
      if (depth[at] === -Infinity) continue;
      const pixel = Math.floor(y / samples) * width + Math.floor(x / samples);
      layer.cover[pixel] += share;
      const [u, v, nx, ny, nz] = surface.subarray(at * VALUES, (at + 1) * VALUES);
      const norm = Math.sqrt(nx * nx + ny * ny + nz * nz) || 1;
      const normal = [nx / norm, ny / norm, nz / norm] as const;
      const colour = shader(sheets[parts[at]].part, u, v, normal);
      for (let c = 0; c < 3; c++) layer.colour[pixel * 3 + c] += share * colour[c];
    }
  return layer;
}

function verticesOf({ rows, columns, points, at }: Sheet, pose: Pose): Vertex[] {
  return points.map((point, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const across = difference(
      points[i + (column < columns - 1 ? 1 : 0)],
      points[i - (column > 0 ? 1 : 0)],
    );
    const down = difference(
      points[i + (row < rows - 1 ? columns : 0)],
      points[i - (row > 0 ? columns : 0)],
    );
    const normal = pose.turn(cross(across, down));
    const [x, y, z] = pose.project(point);
    const norm = Math.hypot(...normal) || 1;
    return { x, y, z, values: [...at[i], ...normal.map((n) => n / norm)] };
  });
}

function* triangles({ rows, columns }: Sheet): Generator<readonly [number, number, number]> {
  for (let row = 0; row + 1 < rows; row++)
    for (let column = 0; column + 1 < columns; column++) {
      const i = row * columns + column;
      yield [i, i + 1, i + columns];
      yield [i + 1, i + columns + 1, i + columns];
    }
}

function fill(
  [a, b, c]: readonly Vertex[],
  toX: (x: number) => number,
  toY: (y: number) => number,
  grid: { readonly width: number; readonly height: number },
  { depth, surface, parts, part }: Samples,
): void {
  const [ax, bx, cx] = [toX(a.x), toX(b.x), toX(c.x)];
  const [ay, by, cy] = [toY(a.y), toY(b.y), toY(c.y)];
  const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
  // Seen from behind, or edge-on.
  if (!(area > 1e-9)) return;
  const x0 = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5));
  const x1 = Math.min(grid.width - 1, Math.floor(Math.max(ax, bx, cx) - 0.5));
  const y0 = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5));
  const y1 = Math.min(grid.height - 1, Math.floor(Math.max(ay, by, cy) - 0.5));
  for (let y = y0; y <= y1; y++)
    for (let x = x0; x <= x1; x++) {
      const [px, py] = [x + 0.5, y + 0.5];
      const wb = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) / area;
      const wc = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) / area;
      const wa = 1 - wb - wc;
      if (wa < 0 || wb < 0 || wc < 0) continue;
      const at = y * grid.width + x;
      const z = wa * a.z + wb * b.z + wc * c.z;
      if (z <= depth[at]) continue;
      depth[at] = z;
      parts[at] = part;
      for (let i = 0; i < VALUES; i++)
        surface[at * VALUES + i] = wa * a.values[i] + wb * b.values[i] + wc * c.values[i];
    }
}

function difference(a: Point3, b: Point3): Point3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function cross(a: Point3, b: Point3): Point3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}
