import type { Face } from '../../engine/face.ts';
import { FacegraphError } from '../../errors.ts';
import { overlap } from '../overlap.ts';
import type { Probe } from '../search/probe.ts';

/** Which of the faces of an image is meant; nothing: the only one. */
export interface FaceChoice {
  /** Its place in the answer of `detect`. */
  readonly index?: number | null;
  /** About where it is. */
  readonly box?: Face['box'] | null;
}

/** How much a box must share with a face's own, as intersection over union, to mean it. */
const MIN_OVERLAP = 0.5;

/**
 * The face that is meant.
 * @throws FacegraphError `MultipleFacesFound` with `details.faces`
 *   and `details.upload` when none of several was chosen; `InvalidInput` when the choice is none of them.
 */
export function chooseFace(
  { faces, upload }: Pick<Probe, 'faces' | 'upload'>,
  { index, box }: FaceChoice = {},
): Face {
  if (index != null && box != null)
    throw new FacegraphError('InvalidInput', 'a face is chosen by its index or a box, not both');
  if (box != null) return atBox(faces, box);
  if (index != null) return atIndex(faces, index);
  if (faces.length === 1) return faces[0];
  throw new FacegraphError(
    'MultipleFacesFound',
    `${faces.length} faces in the image: choose one by its index or a box`,
    { faces, upload },
  );
}

function atIndex(faces: readonly Face[], index: number): Face {
  const face = faces[index];
  if (!face)
    throw new FacegraphError('InvalidInput', `face ${index} of ${faces.length}: the first is 0`);
  return face;
}

function atBox(faces: readonly Face[], box: Face['box']): Face {
  const overlaps = faces.map((face) => overlap(face.box, box));
  const best = Math.max(...overlaps);
  if (!(best >= MIN_OVERLAP))
    throw new FacegraphError(
      'InvalidInput',
      `no face shares ${MIN_OVERLAP} of its area with box ${box.join(' ')}; the nearest shares ${best.toFixed(2)}`,
    );
  return faces[overlaps.indexOf(best)];
}
