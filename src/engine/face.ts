/** A point in pixels of the (EXIF-upright) image, x to the right, y down. */
export type Point = readonly [x: number, y: number];

/** Left and right as the viewer sees them, the convention of mtcnn. */
export interface Landmarks {
  readonly leftEye: Point;
  readonly rightEye: Point;
  readonly nose: Point;
  readonly mouthLeft: Point;
  readonly mouthRight: Point;
}

/** One detected face. */
export interface Face {
  /** Whole pixels, clipped to the image: x, y of the top left corner, width, height. */
  readonly box: readonly [x: number, y: number, width: number, height: number];
  /** O-Net's face probability, 0 to 1. */
  readonly confidence: number;
  readonly landmarks: Landmarks;
}
