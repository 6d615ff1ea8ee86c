import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { drawMasks } from './draw.ts';
import {
  colourText,
  type MaskStyle,
  type MaskWish,
  parseColour,
  seedOf,
  styleOf,
} from './style.ts';

/** What a face wears, as a manifest of masked pictures has it. */
export interface WornMask extends Omit<MaskStyle, 'colour'> {
  readonly box: Face['box'];
  /** `#rrggbb` */
  readonly colour: string;
}

/**
 * What each face is to wear.
 * @param name what the picture is called in its set: with `seed` it settles what the wish leaves open.
 */
export function wornMasks(
  faces: readonly Face[],
  wish: MaskWish,
  seed: number,
  name: string,
): WornMask[] {
  return faces.map(({ box }, i) => {
    const { colour, ...style } = styleOf(wish, seedOf(seed, name, i));
    return { box, ...style, colour: colourText(colour) };
  });
}

/** The image with what each of its faces is to wear, in the order of the faces. */
export function maskFaces(image: Image, faces: readonly Face[], masks: readonly WornMask[]): Image {
  return drawMasks(image, faces, (_, i) => ({ ...masks[i], colour: parseColour(masks[i].colour) }));
}
