import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { drawMasks } from './draw.ts';
import { colourText, type MaskStyle, type MaskWish, seedOf, styleOf } from './style.ts';

/** What a face wears, as a manifest of masked pictures has it. */
export interface WornMask extends Omit<MaskStyle, 'colour'> {
  readonly box: Face['box'];
  /** `#rrggbb` */
  readonly colour: string;
}

/**
 * The image with a mask on every face, and what each face wears, in the order of the faces.
 * @param name what the picture is called in its set: with `seed` it settles what the wish leaves open.
 */
export function maskFaces(
  image: Image,
  faces: readonly Face[],
  wish: MaskWish,
  seed: number,
  name: string,
): { readonly image: Image; readonly masks: readonly WornMask[] } {
  const styles = faces.map((_, i) => styleOf(wish, seedOf(seed, name, i)));
  return {
    image: drawMasks(image, faces, (_, i) => styles[i]),
    masks: styles.map((style, i) => ({
      box: faces[i].box,
      ...style,
      colour: colourText(style.colour),
    })),
  };
}
