import { FacegraphError } from '../../errors.ts';
import type { Gallery, Prisma } from '../../generated/prisma/client.ts';
import {
  embedProbe,
  faceProbeOf,
  type KeptFace,
  measureProbe,
  type Upload,
} from '../search/probe.ts';
import { changeFaces, type Touched } from './changes.ts';
import { type Enrolment, enrolmentTarget } from './enrol.ts';
import type { Service } from './galleries.ts';
import {
  findGallery,
  findIdentity,
  type GalleryBy,
  insertFace,
  insertIdentity,
  type NewFace,
} from './store.ts';

/** What became of the faces of a photograph, by their ids, in the order of `detect`. */
export interface UnknownFaces {
  readonly added: readonly string[];
  /** Those that the gallery holds already, of a person or of nobody. */
  readonly known: readonly string[];
}

/**
 * Stores every face of a photograph as nobody's: no search for people finds it until it is assigned.
 * Its quality is measured but not judged, since nobody is recognised by it.
 * @throws FacegraphError `GalleryNotFound`, `NoFaceFound`, `ModelMismatch` when the gallery changed
 *   its model meanwhile, `ModelUnavailable`, and those of the engine.
 */
export async function addUnknownFaces(
  service: Service,
  by: GalleryBy,
  source: Upload | KeptFace,
): Promise<UnknownFaces> {
  const { engine } = service;
  const gallery = await findGallery(service, by);
  const embedder = await engine.embedder(gallery.model);
  const probe = await faceProbeOf(engine, source);
  const embeddings = await embedProbe(embedder, probe, probe.faces);
  const qualities = measureProbe(probe, probe.faces);
  const bytes = probe.upload?.bytes ?? null;
  return changeFaces(service, gallery.id, async (tx, touched, now) => {
    if (now.model !== gallery.model)
      throw new FacegraphError('ModelMismatch', 'the gallery changed its model meanwhile');
    const faces = probe.faces.map((face, i) => {
      const quality = qualities[i];
      return { face, quality, imageHash: probe.hash, bytes, embedding: embeddings[i] };
    });
    return insertUnknown(tx, touched, now, faces);
  });
}

/** Enters faces as nobody's, those that the gallery has of their photograph already left out. */
export async function insertUnknown(
  tx: Prisma.TransactionClient,
  touched: Touched,
  gallery: Gallery,
  faces: readonly NewFace[],
): Promise<UnknownFaces> {
  const result: { added: string[]; known: string[] } = { added: [], known: [] };
  for (const face of faces) {
    try {
      result.added.push((await insertFace(tx, gallery, null, face)).id);
    } catch (error) {
      if (!(error instanceof FacegraphError && error.code === 'DuplicateFace')) throw error;
      result.known.push(String(error.details.faceId));
    }
  }
  for (const id of result.added) touched.faces.add(id);
  return result;
}

/**
 * Says whose some faces are that were nobody's: all of them or none.
 * @returns the identity's id.
 * @throws FacegraphError `FaceNotFound` when one is not an unassigned face of the person's gallery,
 *   `IdentityNotFound`, `GalleryNotFound`, `NameTaken` for the external id, `InvalidInput`.
 */
export async function assignFaces(
  service: Service,
  faceIds: readonly string[],
  whose: Enrolment['identity'],
): Promise<string> {
  const ids = [...new Set(faceIds)];
  const { gallery, identity } = await enrolmentTarget(service, whose);
  return changeFaces(service, gallery.id, async (tx, touched) => {
    const unassigned = { id: { in: ids }, galleryId: gallery.id, identityId: null };
    const there = await tx.face.count({ where: unassigned });
    if (there < ids.length)
      throw new FacegraphError(
        'FaceNotFound',
        `${ids.length - there} of ${ids.length} are no unassigned faces of the gallery`,
      );
    const { id: identityId } = await ('id' in identity
      ? findIdentity({ ...service, db: tx }, identity.id)
      : insertIdentity(tx, gallery.id, identity));
    await tx.face.updateMany({ where: unassigned, data: { identityId } });
    for (const id of ids) touched.faces.add(id);
    touched.identities.add(identityId);
    return identityId;
  });
}
