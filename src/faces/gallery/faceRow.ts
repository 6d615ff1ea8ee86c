import type { Face, Landmarks, Point } from '../../engine/face.ts';
import type { Face as Row } from '../../generated/prisma/client.ts';
import type { Quality } from '../quality/quality.ts';

/** How the database holds where a face is. */
export interface FaceGeometry {
  readonly box: readonly number[];
  /** x, y of left eye, right eye, nose, left and right mouth corner. */
  readonly landmarks: readonly number[];
  readonly confidence: number;
}

/** The landmarks of a face as the database holds them. */
export function landmarkValues({ landmarks }: Face): number[] {
  const { leftEye, rightEye, nose, mouthLeft, mouthRight } = landmarks;
  return [leftEye, rightEye, nose, mouthLeft, mouthRight].flat();
}

/** The landmarks that the database holds as these values. */
export function landmarksFromValues(values: readonly number[]): Landmarks {
  const [leftEye, rightEye, nose, mouthLeft, mouthRight] = [0, 1, 2, 3, 4].map(
    (i): Point => [values[2 * i], values[2 * i + 1]],
  );
  return { leftEye, rightEye, nose, mouthLeft, mouthRight };
}

/** The face that the database holds as this row. */
export function faceFromRow({ box: [x, y, w, h], landmarks, confidence }: FaceGeometry): Face {
  return { box: [x, y, w, h], landmarks: landmarksFromValues(landmarks), confidence };
}

/** The columns that hold a quality; `confidence` has been there before. */
export function qualityColumns({ confidence, ...columns }: Quality): Omit<Quality, 'confidence'> {
  return columns;
}

/** The quality that the database holds; null for a face that was enrolled before there was one. */
export function qualityFromRow(row: Row): Quality | null {
  const { score, size, sharpness, yaw, pitch, roll, confidence } = row;
  const { brightness, contrast, dark, bright, outside } = row;
  if (score === null) return null;
  return {
    score,
    size: size!,
    sharpness: sharpness!,
    yaw: yaw!,
    pitch: pitch!,
    roll: roll!,
    brightness: brightness!,
    contrast: contrast!,
    dark: dark!,
    bright: bright!,
    outside: outside!,
    confidence,
  };
}
