import type { Engine } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { FacegraphError } from '../../errors.ts';
import type { Gallery, PrismaClient } from '../../generated/prisma/client.ts';
import type { Indexes } from './indexes.ts';
import { serially } from './serially.ts';
import * as store from './store.ts';

/** What the domain works with; one of each per process. */
export interface Service {
  readonly db: PrismaClient;
  readonly engine: Engine;
  readonly indexes: Indexes;
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
 * @throws FacegraphError `NameTaken`, `InvalidInput` for a model that is not known, `ModelUnavailable`.
 */
export async function createGallery(
  { db, engine }: Service,
  data: { name: string; model: string; threshold?: number | null },
): Promise<Gallery> {
  await engine.embedder(data.model);
  return store.insertGallery(db, { ...data, name: named(data.name) });
}

/**
 * Deletes a gallery with everybody in it.
 * @param confirmName must be the gallery's name.
 * @throws FacegraphError `GalleryNotFound`, `InvalidInput` when the name is another.
 */
export async function deleteGallery(
  { db, indexes }: Service,
  id: string,
  confirmName: string,
): Promise<Gallery> {
  const gallery = await store.findGallery(db, { id });
  if (gallery.name !== confirmName)
    throw new FacegraphError('InvalidInput', 'confirmName is not the name of the gallery');
  return serially(id, async () => {
    await db.gallery.deleteMany({ where: { id } });
    indexes.removeGallery(id);
    return gallery;
  });
}

/** @throws FacegraphError `GalleryNotFound`, `NameTaken` for the external id, `InvalidInput`. */
export async function createIdentity(
  { db }: Service,
  by: store.GalleryBy,
  identity: store.NewIdentity,
): Promise<{ id: string }> {
  const gallery = await store.findGallery(db, by);
  return store.insertIdentity(db, gallery.id, { ...identity, name: named(identity.name) });
}

/** Deletes a person with all faces. @throws FacegraphError `IdentityNotFound`. */
export async function deleteIdentity({ db, indexes }: Service, id: string): Promise<void> {
  const { galleryId } = await store.findIdentity(db, id);
  await serially(galleryId, async () => {
    await db.identity.deleteMany({ where: { id } });
    indexes.removeIdentity(galleryId, id);
  });
}

/** Deletes one face of a person. @throws FacegraphError `FaceNotFound`. */
export async function deleteFace({ db, indexes }: Service, id: string): Promise<void> {
  const face = await db.face.findUnique({ where: { id }, include: { identity: true } });
  if (!face) throw new FacegraphError('FaceNotFound', 'no face of this id');
  const { galleryId } = face.identity;
  await serially(galleryId, async () => {
    await db.face.deleteMany({ where: { id } });
    indexes.removeFace(galleryId, id);
  });
}

/**
 * Detects, embeds and stores one face; it can be found as soon as this returns.
 * @throws FacegraphError `NoFaceFound`; `MultipleFacesFound` with `details.faces` when none of
 *   several was chosen; `DuplicateFace`, `NameTaken`, `GalleryNotFound`, `IdentityNotFound`,
 *   `InvalidInput`, and those of the engine.
 */
export async function enrolFace(service: Service, enrolment: Enrolment): Promise<{ id: string }> {
  const { db, engine, indexes } = service;
  const { gallery, identity } = await enrolmentTarget(db, enrolment.identity);
  const { image, hash } = enrolment.upload;
  const face = chosen(await engine.detect(image), enrolment.face);
  const embedder = await engine.embedder(gallery.model);
  const [embedding] = await embedder.embed(image, [face]);
  return serially(gallery.id, async () => {
    const data = { face, imageHash: hash, embedding };
    const row = await store.insertFace(db, gallery.id, identity, data);
    indexes.add({ faceId: row.id, identityId: row.identityId, galleryId: gallery.id, embedding });
    return row;
  });
}

async function enrolmentTarget(
  db: PrismaClient,
  identity: Enrolment['identity'],
): Promise<{ gallery: Gallery; identity: { id: string } | store.NewIdentity }> {
  if ('id' in identity) {
    const { galleryId } = await store.findIdentity(db, identity.id);
    return { gallery: await store.findGallery(db, { id: galleryId }), identity };
  }
  const person = { ...identity.new, name: named(identity.new.name) };
  return { gallery: await store.findGallery(db, identity.gallery), identity: person };
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

function named(name: string): string {
  const trimmed = name.trim().normalize('NFC');
  if (trimmed === '' || trimmed.length > 200)
    throw new FacegraphError('InvalidInput', 'a name has 1 to 200 characters');
  return trimmed;
}
