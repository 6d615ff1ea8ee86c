import type { Landmarks, Point } from '../../engine/face.ts';

/** Where a face looks, in degrees; all 0 where it looks at the camera, upright. */
export interface Pose {
  /** Turned to the viewer's right when positive; −90 to 90. */
  readonly yaw: number;
  /** Looking up when positive; −60 to 60. */
  readonly pitch: number;
  /** Tilted clockwise as seen when positive; −180 to 180. */
  readonly roll: number;
}

/** A pose and how the head lies in the image under it. */
export interface Placed extends Pose {
  /** Distance between the eyes, had the head not been turned away, in pixels. */
  readonly eyes: number;
  /** Middle of the five landmarks, in pixels. */
  readonly centre: Point;
}

type Point3 = readonly [x: number, y: number, z: number];

/**
 * The five points of a mean face that looks at the camera, in distances between its eyes: x to the
 * viewer's right, y down, z towards the camera, from the middle between the eyes; in the order of
 * `Landmarks`. It is what leaves the least over 1,549 faces of LFW as MTCNN marks them, shape and
 * poses fitted in turn; their median pitch is 0.
 */
export const FACE_MODEL: readonly [Point3, Point3, Point3, Point3, Point3] = [
  [-0.5, 0, 0],
  [0.5, 0, 0],
  [0, 0.571, 0.382],
  [-0.443, 1.081, -0.124],
  [0.443, 1.081, -0.124],
];

const MAX_YAW = 90;
const MAX_PITCH = 60;
const COARSE = 15;
const FINE = 0.01;
const RADIAN = Math.PI / 180;

/**
 * The pose under which the projection of a mean face without perspective comes nearest to five
 * landmarks (least squares over yaw, pitch, roll, scale and place). Noses differ, so it is good to a
 * few degrees; what it cannot know is the difference between a long nose and a turned head.
 */
export function poseOf({ leftEye, rightEye, nose, mouthLeft, mouthRight }: Landmarks): Placed {
  const points = [leftEye, rightEye, nose, mouthLeft, mouthRight];
  const centre = middle(points);
  const seen = points.map(([x, y]): Point => [x - centre[0], y - centre[1]]);
  let best = { yaw: 0, pitch: 0, ...placedAt(seen, 0, 0) };
  const consider = (yaw: number, pitch: number) => {
    if (Math.abs(yaw) > MAX_YAW || Math.abs(pitch) > MAX_PITCH) return false;
    const found = placedAt(seen, yaw, pitch);
    if (!(found.explained > best.explained)) return false;
    best = { yaw, pitch, ...found };
    return true;
  };
  // There can be two valleys, a head turned to the left and one to the right, so all of it is looked at
  // coarsely before the way down from the best place.
  for (let yaw = -MAX_YAW; yaw <= MAX_YAW; yaw += COARSE)
    for (let pitch = -MAX_PITCH; pitch <= MAX_PITCH; pitch += COARSE) consider(yaw, pitch);
  for (let step = COARSE / 2; step > FINE; ) {
    const { yaw, pitch } = best;
    let better = false;
    for (const dy of [-step, 0, step])
      for (const dp of [-step, 0, step]) better = consider(yaw + dy, pitch + dp) || better;
    if (!better) step /= 2;
  }
  const { yaw, pitch, real, imaginary } = best;
  const roll = Math.atan2(imaginary, real) / RADIAN;
  return { yaw, pitch, roll, eyes: Math.hypot(real, imaginary), centre };
}

/**
 * How the face model, first turned and then raised, fits best into the plane: rotation and scale are one
 * complex factor. What it explains of the points' squared distances from their middle is what a least
 * squares fit makes as large as it can be.
 */
function placedAt(seen: readonly Point[], yaw: number, pitch: number) {
  const [sinYaw, cosYaw] = [Math.sin(yaw * RADIAN), Math.cos(yaw * RADIAN)];
  const [sinPitch, cosPitch] = [Math.sin(pitch * RADIAN), Math.cos(pitch * RADIAN)];
  let [along, across, sumX, sumY, squares] = [0, 0, 0, 0, 0];
  for (let i = 0; i < seen.length; i++) {
    const [x, y, z] = FACE_MODEL[i];
    const qx = x * cosYaw + z * sinYaw;
    const qy = y * cosPitch - (z * cosYaw - x * sinYaw) * sinPitch;
    along += qx * seen[i][0] + qy * seen[i][1];
    across += qx * seen[i][1] - qy * seen[i][0];
    sumX += qx;
    sumY += qy;
    squares += qx * qx + qy * qy;
  }
  const spread = squares - (sumX * sumX + sumY * sumY) / seen.length;
  const explained = (along * along + across * across) / spread;
  return { explained, real: along / spread, imaginary: across / spread };
}

function middle(points: readonly Point[]): Point {
  const mean = (axis: 0 | 1) => points.reduce((sum, p) => sum + p[axis], 0) / points.length;
  return [mean(0), mean(1)];
}
