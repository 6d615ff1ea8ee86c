import type { Embedder } from '../../engine/engine.ts';
import { decodeImage, STORED_LIMITS } from '../../engine/image/decode.ts';
import type { MaskedFace } from '../../generated/prisma/client.ts';
import type { MaskProbe } from '../evaluation/maskComparisons.ts';
import { sameFace } from '../evaluation/maskedSource.ts';
import { faceFromRow } from '../gallery/faceRow.ts';
import type { Service } from '../gallery/galleries.ts';
import { wornMasks } from '../masks/maskFaces.ts';
import type { MaskWish } from '../masks/style.ts';
import type { Aside } from './aside.ts';

/** What became of a face under its mask. */
export interface Drawn {
  readonly place: number;
  readonly mask: NonNullable<MaskProbe['mask']>;
  /** Its embedding; null where the detector lost it. */
  readonly embedding: Float32Array | null;
}

const ANY_MASK: MaskWish = { kind: 'random', coverage: 'random', colour: 'random' };

/**
 * Draws a mask on every face of a stored photograph that the gallery knows, and looks for some of them again.
 * @param photograph `seed` and the photograph choose the masks.
 * @returns null when the photograph is not stored any more.
 * @throws FacegraphError of the image, of the engine.
 */
export async function lookUnderMasks(
  { db, engine }: Pick<Service, 'db' | 'engine'>,
  { embedder, aside }: { readonly embedder: Embedder; readonly aside: Pick<Aside, 'draw'> },
  photograph: { readonly galleryId: string; readonly hash: string; readonly seed: number },
  wanted: readonly Pick<MaskedFace, 'place' | 'faceId'>[],
): Promise<Drawn[] | null> {
  const { galleryId, hash, seed } = photograph;
  const stored = await db.storedImage.findUnique({
    where: { galleryId_hash: { galleryId, hash } },
  });
  if (!stored) return null;
  const rows = await db.face.findMany({
    where: { galleryId, imageHash: hash },
    orderBy: { id: 'asc' },
  });
  const faces = rows.map(faceFromRow);
  const masks = wornMasks(faces, ANY_MASK, seed, hash);
  const image = await aside.draw({
    image: await decodeImage(stored.bytes, STORED_LIMITS),
    faces,
    masks,
  });
  const found = await engine.detect(image);
  const looked = wanted.flatMap(({ place, faceId }) => {
    const i = rows.findIndex(({ id }) => id === faceId);
    // It was deleted meanwhile.
    if (i < 0) return [];
    const { kind, coverage, colour } = masks[i];
    return [{ place, mask: { kind, coverage, colour }, face: sameFace(found, faces[i]) }];
  });
  const seen = looked.flatMap(({ face }) => face ?? []);
  const embeddings = seen.length > 0 ? await embedder.embed(image, seen) : [];
  return looked.map(({ face, ...drawn }) => ({
    ...drawn,
    embedding: face ? embeddings[seen.indexOf(face)] : null,
  }));
}
