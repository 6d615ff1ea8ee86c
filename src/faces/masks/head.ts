import type { Point3 } from './pose.ts';

// Measures of the mean adult face in distances between the eyes (63 mm), by height below the eyes.

/** Half the width of the head where it is widest. */
const halfWidth = curve([
  [-0.8, 1.1],
  [0, 1.13],
  [0.4, 1.14],
  [0.8, 1.1],
  [1.2, 1.0],
  [1.5, 0.9],
  [1.75, 0.78],
  [1.95, 0.66],
  [2.2, 0.5],
]);

/** How far the middle of the face, its nose taken off, stands out. */
const middle = curve([
  [-0.8, 0.05],
  [0, 0.04],
  [0.5, 0.12],
  [1.0, 0.22],
  [1.4, 0.14],
  [1.7, 0.14],
  [1.85, 0.0],
  [2.0, -0.25],
  [2.2, -0.6],
]);

/** The profile of a nose and of cloth that hangs from its tip to the chin. */
const overNose = curve([
  [0, 0.12],
  [0.3, 0.33],
  [0.58, 0.54],
  [0.8, 0.5],
  [1.2, 0.4],
  [1.6, 0.29],
  [1.78, 0.17],
  [1.92, -0.06],
  [2.2, -0.55],
]);

/** The profile of cloth that begins under the nose. */
const overLips = curve([
  [0.6, 0.28],
  [0.8, 0.29],
  [1.15, 0.33],
  [1.5, 0.27],
  [1.78, 0.17],
  [1.92, -0.06],
  [2.2, -0.55],
]);

/** How wide the ridge of the cloth is, as an angle around the head: narrow on the nose, broad below it. */
const ridge = curve([
  [0, 0.17],
  [0.3, 0.22],
  [0.6, 0.34],
  [1.0, 0.6],
  [1.5, 0.85],
  [2.2, 1],
]);

/** How far the head's widest part lies behind the middle of the face, and how flat the cheeks are before it. */
const DEPTH = 1.1;
const FLATNESS = 1.3;

/** Angle from the middle of the face to the ear. */
export const EAR = 1.7;

/** The skin at a height and at an angle around the head, 0 in the middle, positive to the viewer's right. */
export function skin(angle: number, y: number): Point3 {
  return [halfWidth(y) * Math.sin(angle), y, middle(y) - DEPTH * (1 - Math.cos(angle)) ** FLATNESS];
}

/** Cloth over the skin there, stretched from the nose, or from under it, to the chin. */
export function cloth(angle: number, y: number, overTheNose: boolean): Point3 {
  const [x, , z] = skin(angle, y);
  const stretched = (overTheNose ? overNose : overLips)(y);
  const tent = (stretched - middle(y)) * Math.exp(-((angle / ridge(y)) ** 2));
  // The cloth has a thickness, and a head a little wider than the mean must not look through.
  return [x * 1.03, y, z + Math.max(0, tent) + 0.03];
}

/** A smooth curve through points of ascending abscissa, constant beyond its ends. */
function curve(points: readonly (readonly [at: number, value: number])[]): (at: number) => number {
  const last = points.length - 1;
  const slope = (i: number) => {
    const [a, b] = [points[Math.max(0, i - 1)], points[Math.min(last, i + 1)]];
    return (b[1] - a[1]) / (b[0] - a[0]);
  };
  return (at) => {
    if (at <= points[0][0]) return points[0][1];
    if (at >= points[last][0]) return points[last][1];
    const i = points.findIndex(([x]) => x > at) - 1;
    const [[x0, y0], [x1, y1]] = [points[i], points[i + 1]];
    const [h, t] = [x1 - x0, (at - x0) / (x1 - x0)];
    const [s, r] = [t * t * (3 - 2 * t), t * (1 - t)];
    return y0 + (y1 - y0) * s + h * r * ((1 - t) * slope(i) - t * slope(i + 1));
  };
}
