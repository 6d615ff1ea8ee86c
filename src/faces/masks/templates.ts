import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Embedder } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { cut, seenFrom, surroundings } from '../../engine/surroundings.ts';
import { MaskKind } from '../../generated/prisma/client.ts';
import { drawMask } from './draw.ts';
import { MASK_KINDS, styleOf } from './style.ts';

/** A face under a drawn mask of one kind, as a model sees it. */
export interface MaskTemplate {
  readonly kind: MaskKind;
  /** L2-normalised. */
  readonly embedding: Float32Array;
}

/** How many a face has: one of each kind. */
export const MASK_TEMPLATES = MASK_KINDS.length;

/**
 * The embeddings of a face under a drawn mask of each kind, in its usual colour, up to the bridge of the
 * nose: the same for the same pixels. The masked face is not looked for again but cut where the face is:
 * so it was measured (docs/masks.md), the detector loses some masked faces, and it costs no detection.
 * @param image shows the face, at least its `surroundings`.
 * @throws FacegraphError those of the engine.
 */
export async function maskTemplates(
  embedder: Embedder,
  image: Image,
  face: Face,
): Promise<MaskTemplate[]> {
  const part = surroundings(face, image);
  // The network sees no more, and copies of a whole photograph would be large.
  const plain = cut(image, part);
  const seen = seenFrom(face, [part[0], part[1]]);
  const pictures: Image[] = [];
  for (const [seed, kind] of MASK_KINDS.entries()) {
    pictures.push(drawMask(plain, seen, styleOf({ kind, coverage: 'high' }, seed)));
    // Drawing on a large face takes a while: others get their turn.
    await nextTurn();
  }
  // Asked for at once, they share a batch.
  const embedded = await Promise.all(pictures.map((picture) => embedder.embed(picture, [seen])));
  return MASK_KINDS.map((kind, i) => ({ kind: MaskKind[upper(kind)], embedding: embedded[i][0] }));
}

function upper<T extends string>(text: T): Uppercase<T> {
  return text.toUpperCase() as Uppercase<T>;
}
