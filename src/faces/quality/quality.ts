import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { type Measures, measureFace } from './measure.ts';
import { scoreOf } from './score.ts';

/** How well a face can be recognised, and what that was read from. */
export interface Quality extends Measures {
  /** 0 to 1. */
  readonly score: number;
}

/**
 * The quality of a detected face, on the CPU in about a millisecond.
 * @param face in pixels of the image.
 */
export function measureQuality(image: Image, face: Face): Quality {
  const measures = measureFace(image, face);
  return { ...measures, score: scoreOf(measures) };
}
