import { FacegraphError } from '../../errors.ts';
import type { Face } from '../../generated/prisma/client.ts';
import { findFace, findGallery } from '../gallery/store.ts';
import { fromBytes } from '../gallery/vector.ts';
import { recordSearch, type Searcher } from './searcher.ts';

/** An enrolled face near another one. */
export interface SimilarFace {
  readonly face: Face;
  /** Cosine distance. */
  readonly distance: number;
}

/**
 * The faces of the same gallery that are nearest to an enrolled one, nearest first, whoever they
 * belong to and nobody's too.
 * @throws FacegraphError `FaceNotFound`, `ModelMismatch` while the face has no embedding by the
 *   gallery's model.
 */
export async function similarFaces(
  service: Searcher,
  faceId: string,
  top: number,
): Promise<SimilarFace[]> {
  const { db, indexes } = service;
  const { galleryId } = await findFace(service, faceId);
  const { model } = await findGallery(service, { id: galleryId });
  const row = await db.embedding.findUnique({ where: { faceId_model: { faceId, model } } });
  if (!row) throw new FacegraphError('ModelMismatch', `the face has no embedding by ${model}`);
  // One more, for the face itself is among its nearest.
  const [hits] = await indexes.nearest(galleryId, [fromBytes(row.vector)], top + 1, 'all');
  const others = hits.filter(({ id }) => id !== faceId).slice(0, top);
  const rows = await db.face.findMany({ where: { id: { in: others.map(({ id }) => id) } } });
  const faceOf = new Map(rows.map((face) => [face.id, face]));
  const similar = others.flatMap(({ id, distance }) => {
    const face = faceOf.get(id);
    return face ? [{ face, distance }] : [];
  });
  const [best] = similar;
  recordSearch(service, {
    kind: 'SIMILAR_FACES',
    galleryIds: [galleryId],
    model,
    threshold: null,
    imageHashes: [],
    faces: [
      {
        identityId: best?.face.identityId ?? null,
        galleryId: best ? galleryId : null,
        distance: best?.distance ?? null,
        match: false,
      },
    ],
  });
  return similar;
}
