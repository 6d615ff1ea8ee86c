import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { luminanceCrop } from './crop.ts';
import { type Light, lightOf, sharpnessOf } from './light.ts';
import { type Pose, poseOf } from './pose.ts';

/** What is measured of a face. */
export interface Measures extends Pose, Light {
  /** Shorter side of the box in pixels, what `minFaceSize` of the detector means. */
  readonly size: number;
  /** Fine detail in the face cut upright at one scale, see `sharpnessOf`. */
  readonly sharpness: number;
  /** Landmarks that lie outside of the box, 0 to 5. */
  readonly outside: number;
  /** The detector's probability that it is a face. */
  readonly confidence: number;
}

/** Side of the crop in values: eyes half of it apart. */
const CROP = 64;
/** Side of the crop in distances between the eyes: from the brows to the chin. */
const SIDE = 2;

export function measureFace(image: Image, face: Face): Measures {
  const { box, landmarks, confidence } = face;
  const { eyes, centre, ...pose } = poseOf(landmarks);
  const crop = luminanceCrop(image, { centre, side: SIDE * eyes, angle: pose.roll }, CROP);
  return {
    size: Math.min(box[2], box[3]),
    sharpness: sharpnessOf(crop, CROP),
    ...pose,
    ...lightOf(crop),
    outside: Object.values(landmarks).filter(([x, y]) => !contains(box, x, y)).length,
    confidence,
  };
}

function contains([left, top, width, height]: Face['box'], x: number, y: number): boolean {
  return x >= left && x <= left + width && y >= top && y <= top + height;
}
