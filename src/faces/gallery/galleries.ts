import type { Engine } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { FacegraphError } from '../../errors.ts';
import type { Gallery, PrismaClient } from '../../generated/prisma/client.ts';
import { announce, changeFaces } from './changes.ts';
import type { Indexes } from './indexes.ts';
import * as store from './store.ts';

/** What the domain works with; one of each per process. */
export interface Service {
  readonly db: PrismaClient;
  readonly engine: Engine;
  readonly indexes: Indexes;
  /** Ids of the galleries that may be used; null: all. Others are as if they were not there. */
  readonly galleries: readonly string[] | null;
}

/** A decoded upload. */
export interface Upload {
  readonly image: Image;
  /** SHA-256 of the file, hexadecimal. */
  readonly hash: string;
}

/** The face to enrol and the person it belongs to. */
export interface Enrolment {
  readonly identity: { id: string } | { gallery: store.GalleryBy; new: store.NewIdentity };
  readonly upload: Upload;
  /** Which of several faces, by its place in the answer of `detect`. */
  readonly face?: number | null;
}

/**
 * Makes an empty gallery.
 * @throws FacegraphError `NameTaken`, `InvalidInput` for a model that is not known,
 *   `ModelUnavailable`, `Forbidden` for a service bound to galleries.
 */
export async function createGallery(
  { db, engine, galleries }: Service,
  data: { name: string; model: string; threshold?: number | null },
): Promise<Gallery> {
  if (galleries)
    throw new FacegraphError('Forbidden', 'a key that is bound to galleries makes no others');
  await engine.embedder(data.model);
  return store.insertGallery(db, { ...data, name: named(data.name) });
}

/**
 * Deletes a gallery with everybody in it.
 * @param confirmName must be the gallery's name.
 * @throws FacegraphError `GalleryNotFound`, `InvalidInput` when the name is another.
 */
export async function deleteGallery(
  service: Service,
  id: string,
  confirmName: string,
): Promise<Gallery> {
  const { db, indexes } = service;
  const gallery = await store.findGallery(service, { id });
  if (gallery.name !== confirmName)
    throw new FacegraphError('InvalidInput', 'confirmName is not the name of the gallery');
  await db.$transaction(async (tx) => {
    await tx.gallery.deleteMany({ where: { id } });
    await announce(tx, id);
  });
  await indexes.follow(id);
  return gallery;
}

/** @throws FacegraphError `GalleryNotFound`, `NameTaken` for the external id, `InvalidInput`. */
export async function createIdentity(
  service: Service,
  by: store.GalleryBy,
  identity: store.NewIdentity,
): Promise<{ id: string }> {
  const gallery = await store.findGallery(service, by);
  return store.insertIdentity(service.db, gallery.id, { ...identity, name: named(identity.name) });
}

/** Deletes a person with all faces. @throws FacegraphError `IdentityNotFound`. */
export async function deleteIdentity(service: Service, id: string): Promise<void> {
  const { galleryId } = await store.findIdentity(service, id);
  await changeFaces(service, galleryId, async (tx, touched) => {
    const faces = await tx.face.findMany({ where: { identityId: id }, select: { id: true } });
    for (const face of faces) touched.faces.add(face.id);
    await tx.identity.deleteMany({ where: { id } });
  });
}

/** Deletes one face of a person. @throws FacegraphError `FaceNotFound`. */
export async function deleteFace(service: Service, id: string): Promise<void> {
  const { galleryId } = await store.findFace(service, id);
  await changeFaces(service, galleryId, async (tx, touched) => {
    // Read again: it may have moved to somebody else until the gallery was ours.
    const { identityId } = await store.findFace({ ...service, db: tx }, id);
    touched.faces.add(id);
    touched.identities.add(identityId);
    await tx.face.delete({ where: { id } });
  });
}

/**
 * Detects, embeds and stores one face; it can be found as soon as this returns.
 * @throws FacegraphError `NoFaceFound`; `MultipleFacesFound` with `details.faces` when none of
 *   several was chosen; `DuplicateFace`, `NameTaken`, `GalleryNotFound`, `IdentityNotFound`,
 *   `InvalidInput`, and those of the engine.
 */
export async function enrolFace(service: Service, enrolment: Enrolment): Promise<{ id: string }> {
  const { engine } = service;
  const { gallery, identity } = await enrolmentTarget(service, enrolment.identity);
  const { image, hash } = enrolment.upload;
  const face = chosen(await engine.detect(image), enrolment.face);
  const embedder = await engine.embedder(gallery.model);
  const [embedding] = await embedder.embed(image, [face]);
  return changeFaces(service, gallery.id, async (tx, touched, now) => {
    if (now.model !== gallery.model)
      throw new FacegraphError('ModelMismatch', 'the gallery changed its model meanwhile');
    const data = { face, imageHash: hash, embedding };
    const row = await store.insertFace(tx, now, identity, data);
    touched.faces.add(row.id);
    touched.identities.add(row.identityId);
    return row;
  });
}

async function enrolmentTarget(
  service: Service,
  identity: Enrolment['identity'],
): Promise<{ gallery: Gallery; identity: { id: string } | store.NewIdentity }> {
  if ('id' in identity) {
    const { galleryId } = await store.findIdentity(service, identity.id);
    return { gallery: await store.findGallery(service, { id: galleryId }), identity };
  }
  const person = { ...identity.new, name: named(identity.new.name) };
  return { gallery: await store.findGallery(service, identity.gallery), identity: person };
}

function chosen(faces: readonly Face[], index?: number | null): Face {
  if (faces.length === 0) throw new FacegraphError('NoFaceFound', 'no face in the image');
  if (index == null) {
    if (faces.length === 1) return faces[0];
    throw new FacegraphError(
      'MultipleFacesFound',
      `${faces.length} faces in the image: choose one by its index`,
      { faces },
    );
  }
  const face = faces[index];
  if (!face)
    throw new FacegraphError('InvalidInput', `face ${index} of ${faces.length}: the first is 0`);
  return face;
}

/** A name as it is stored: trimmed, composed. @throws FacegraphError `InvalidInput`. */
export function named(name: string): string {
  const trimmed = name.trim().normalize('NFC');
  if (trimmed === '' || trimmed.length > 200)
    throw new FacegraphError('InvalidInput', 'a name has 1 to 200 characters');
  return trimmed;
}
