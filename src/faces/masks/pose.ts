import type { Face, Point } from '../../engine/face.ts';

/**
 * A point of the model head, in distances between the eyes: the origin lies midway between the eyes, x to
 * the viewer's right, y down the face, z towards the viewer of a frontal face.
 */
export type Point3 = readonly [x: number, y: number, z: number];

/** How the model head stands in the image, read off five landmarks. Angles in radians. */
export interface Pose {
  /** Positive when the nose points to the viewer's right. */
  readonly yaw: number;
  /** Positive when the face looks up. */
  readonly pitch: number;
  /** Positive clockwise as seen. */
  readonly roll: number;
  /** Pixels of the distance between the eyes as it would be seen from the front. */
  readonly scale: number;
  /** From the model head to pixels of the image; z stays in model units, greater is nearer. */
  project(point: Point3): Point3;
  /** A direction on the model head as the camera sees it: x right, y down, z towards the viewer. */
  turn(direction: Point3): Point3;
}

// The mean face, in distances between the eyes: medians of mtcnn's landmarks on 490 frontal faces of
// LFW, depths from anthropometry (nose tip and lips in front of the plane of the eyes).
const NOSE = { y: 0.6, z: 0.48 };
const MOUTH = { y: 1.1, z: 0.16 };
const CHIN = { y: 1.8, z: 0.1 };

const MAX_YAW = Math.PI / 3;
const MAX_PITCH = Math.PI / 5;
// People's noses differ in length: only so much of what the nose seems to say is pitch.
const PITCH_TRUST = 0.7;
const MAX_SHEAR = 0.25;
// How far width and height of a face may part from the mean face's before a landmark is taken to be wrong.
const MAX_STRETCH = 1.25;
// How much shorter or longer than the mean a chin may be, and from which roll on an upright box says nothing of it.
const JAW = { least: 0.85, most: 1.6, roll: 0.5 };

/**
 * The pose of a face in closed form: roll from the lines through the eyes and the mouth, yaw from how far the
 * nose tip lies beside the line from eyes to mouth, pitch from how far down that line it lies. Width and
 * height are scaled apart, so that the model meets eyes and mouth of this face, and the jaw is as long as the box
 * says, whose lower edge is the chin.
 */
export function poseOf({ box, landmarks }: Face): Pose {
  const { leftEye, rightEye, nose, mouthLeft, mouthRight } = landmarks;
  const origin = middle(leftEye, rightEye);
  const roll = Math.atan2(
    rightEye[1] - leftEye[1] + mouthRight[1] - mouthLeft[1],
    rightEye[0] - leftEye[0] + mouthRight[0] - mouthLeft[0],
  );
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  const level = ([x, y]: Point): Point => {
    const [dx, dy] = [x - origin[0], y - origin[1]];
    return [cos * dx + sin * dy, cos * dy - sin * dx];
  };
  // A face of landmarks that fall together is still somewhere: its box says how large it is.
  const least = Math.max(1, 0.1 * Math.min(box[2], box[3]));
  const eyes = Math.max(least, level(rightEye)[0] - level(leftEye)[0]);
  const [mouthX, mouthY] = level(middle(mouthLeft, mouthRight));
  const down = Math.max(least, mouthY);
  const [noseX, noseY] = level(nose);

  const depth = NOSE.z - MOUTH.z * (NOSE.y / MOUTH.y);
  const beside = noseX - mouthX * (NOSE.y / MOUTH.y);
  const yaw = clamp(Math.atan(beside / (eyes * depth)), MAX_YAW);
  const along = noseY / down;
  const lift = (NOSE.y - along * MOUTH.y) / ((NOSE.z - along * MOUTH.z) * Math.cos(yaw));
  const pitch = clamp(PITCH_TRUST * Math.atan(lift), MAX_PITCH);

  const turn = turning(yaw, pitch);
  const [mouthSide, mouthDown] = turn([0, MOUTH.y, MOUTH.z]);
  const sy = down / mouthDown;
  const sx = Math.min(Math.max(eyes / Math.cos(yaw), sy / MAX_STRETCH), sy * MAX_STRETCH);
  const shear = clamp((mouthX / sx - mouthSide) / mouthDown, MAX_SHEAR);
  const chin = turn([0, CHIN.y, CHIN.z])[1] * sy;
  const reached = (box[1] + box[3] - origin[1] - down) / (chin - down);
  const upright = Math.max(0, 1 - Math.abs(roll) / JAW.roll);
  const jaw = 1 + upright * (Math.min(Math.max(reached, JAW.least), JAW.most) - 1);
  return {
    yaw,
    pitch,
    roll,
    scale: Math.sqrt(sx * sy),
    turn(direction) {
      const [x, y, z] = turn(direction);
      return [cos * x - sin * y, sin * x + cos * y, z];
    },
    project([px, py, pz]) {
      const [a, b, z] = turn([px, py > MOUTH.y ? MOUTH.y + (py - MOUTH.y) * jaw : py, pz]);
      const [x, y] = [sx * (a + shear * b), sy * b];
      return [origin[0] + cos * x - sin * y, origin[1] + sin * x + cos * y, z];
    },
  };
}

function turning(yaw: number, pitch: number): (point: Point3) => Point3 {
  const [cosYaw, sinYaw] = [Math.cos(yaw), Math.sin(yaw)];
  const [cosPitch, sinPitch] = [Math.cos(pitch), Math.sin(pitch)];
  return ([x, y, z]) => {
    const depth = cosYaw * z - sinYaw * x;
    return [
      cosYaw * x + sinYaw * z,
      cosPitch * y - sinPitch * depth,
      sinPitch * y + cosPitch * depth,
    ];
  };
}

function middle([ax, ay]: Point, [bx, by]: Point): Point {
  return [(ax + bx) / 2, (ay + by) / 2];
}

function clamp(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit);
}
