import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { resize } from '../../engine/image/resize.ts';
import { readPhotograph } from '../folder/photographs.ts';
import { cropFace } from '../folder/pictures.ts';

/** Twice as high as it is shown, for dense screens and print. */
const HEIGHT = 224;
/** Enough to see hair and chin, as a share of the box's longer side. */
const MARGIN = 0.25;

/**
 * A small picture of a face for a report; without a face, of the whole photograph.
 * @throws FacegraphError as `readPhotograph`.
 */
export async function portrait(path: string, face?: Face): Promise<Image> {
  return portraitOf(await readPhotograph(path), face);
}

/** The same of pixels at hand. */
export function portraitOf(image: Image, face?: Face): Image {
  const cut = face ? cropFace(image, face, MARGIN) : image;
  return resize(cut, Math.max(1, Math.round((cut.width * HEIGHT) / cut.height)), HEIGHT);
}
