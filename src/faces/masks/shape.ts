import { seededRandom } from '../statistics/seededRandom.ts';
import { cloth, EAR, skin } from './head.ts';
import type { Point3 } from './pose.ts';
import type { MaskCoverage, MaskKind, MaskStyle } from './style.ts';

/** A sheet on the model head: rows × columns points, and where on the sheet each of them lies. */
export interface Sheet {
  readonly part: 'mask' | 'strap';
  readonly rows: number;
  readonly columns: number;
  /** Row by row. */
  readonly points: readonly Point3[];
  /** Across, −1 to 1, and down, 0 to 1, of each point. */
  readonly at: readonly (readonly [u: number, v: number])[];
}

interface Outline {
  /** Angle around the head of the side edges. */
  readonly reach: number;
  /** Height of the upper edge in the middle and at the sides. */
  readonly top: readonly [middle: number, side: number];
  readonly bottom: readonly [middle: number, side: number];
  /** Course of the edges from the middle, 0, to the side, 1. */
  readonly edge: (across: number) => number;
  /** How far it stands off the face. */
  readonly bulge: number;
  /** Where the straps leave the sides, as a share of the side's height, and reach the ears. */
  readonly straps: readonly (readonly [from: number, ear: number])[];
}

const ROWS = 28;
const COLUMNS = 48;
const STRAP_STEPS = 12;

/** Height of the upper edge in the middle: on the bridge of the nose, halfway down, under the tip. */
const UPPER: Record<MaskCoverage, number> = { high: 0.2, medium: 0.42, low: 0.8 };
const CHIN = 1.93;

const LOOPS = [
  [0.05, 0.2],
  [0.95, 0.78],
] as const;

/** The mask and its straps as sheets on the model head. */
export function shapeOf({ kind, coverage, seed }: MaskStyle): Sheet[] {
  const random = seededRandom(seed);
  const some = (most: number) => (2 * random() - 1) * most;
  // Nobody puts a mask on quite straight.
  const [tilt, lower, wider] = [some(0.03), some(0.03), 1 + some(0.03)];
  const outline = outlineOf(kind, UPPER[coverage]);
  const { reach, top, bottom, edge, bulge, straps } = outline;
  const height = (u: number, v: number) => {
    const across = edge(Math.abs(u));
    const [y0, y1] = [top, bottom].map(([middle, side]) => middle + (side - middle) * across);
    return y0 + (y1 - y0) * v + lower + tilt * u;
  };
  const mask = sheet('mask', ROWS, COLUMNS, (u, v) => {
    const [x, y, z] = cloth(u * reach * wider, height(u, v), coverage !== 'low');
    return [x, y, z + bulge * (1 - u * u) * Math.sin(Math.PI * v)];
  });
  const bands = [-1, 1].flatMap((side) =>
    straps.map(([from, ear]) =>
      sheet('strap', 1, STRAP_STEPS, (u, v) => {
        const along = (side * u + 1) / 2;
        const start = height(side, from);
        const y = start + (ear - start) * along + (v - 0.5) * 0.055;
        const angle = side * (reach * wider * 0.98 + (EAR - reach) * along);
        const [x, , z] = skin(angle, y);
        return [x * 1.035, y, z + 0.02];
      }),
    ),
  );
  return [mask, ...bands];
}

function outlineOf(kind: MaskKind, upper: number): Outline {
  switch (kind) {
    case 'surgical':
      return {
        reach: 1.12,
        top: [upper, Math.max(0.52, upper)],
        bottom: [CHIN, 1.3],
        edge: (across) => across ** 1.7,
        bulge: 0.03,
        straps: LOOPS,
      };
    case 'n95':
      return {
        reach: 0.98,
        top: [upper - 0.04, (upper + 1.6) / 2 - 0.1],
        bottom: [CHIN + 0.03, (upper + 1.6) / 2 + 0.25],
        edge: (across) => 1 - (1 - across ** 2.6) ** (1 / 1.8),
        bulge: 0.16,
        straps: [
          [0.2, 0.15],
          [0.8, 0.95],
        ],
      };
    case 'cloth':
      return {
        reach: 1.2,
        top: [upper - 0.02, Math.max(0.62, upper)],
        bottom: [CHIN + 0.02, 1.18],
        edge: (across) => 1 - (1 - across ** 1.5) ** 0.9,
        bulge: 0.05,
        straps: LOOPS,
      };
    case 'round':
      return {
        reach: 1.0,
        top: [upper, (upper + CHIN) / 2],
        bottom: [CHIN - 0.02, (upper + CHIN) / 2],
        edge: (across) => 1 - Math.sqrt(1 - across ** 2),
        bulge: 0.1,
        straps: [[0.5, 0.45]],
      };
  }
}

function sheet(
  part: Sheet['part'],
  rows: number,
  columns: number,
  point: (u: number, v: number) => Point3,
): Sheet {
  const at: (readonly [number, number])[] = [];
  for (let row = 0; row <= rows; row++)
    for (let column = 0; column <= columns; column++)
      // Denser at the sides, where outlines turn and the face falls away.
      at.push([Math.sin(Math.PI * (column / columns - 0.5)), row / rows]);
  return {
    part,
    rows: rows + 1,
    columns: columns + 1,
    points: at.map(([u, v]) => point(u, v)),
    at,
  };
}
