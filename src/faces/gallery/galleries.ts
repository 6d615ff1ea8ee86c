import type { Engine } from '../../engine/engine.ts';
import { FacegraphError } from '../../errors.ts';
import type { Gallery, PrismaClient } from '../../generated/prisma/client.ts';
import { announce, changeFaces } from './changes.ts';
import { eraseData } from './eraseData.ts';
import type { Indexes } from './indexes.ts';
import { type Once, transact } from './once.ts';
import { personColumns } from './person.ts';
import { falseHitRate, retention } from './settings.ts';
import * as store from './store.ts';
import { named } from './text.ts';

/** What the domain works with; one of each per process. */
export interface Service {
  readonly db: PrismaClient;
  readonly engine: Engine;
  readonly indexes: Indexes;
  /** Ids of the galleries that may be used; null: all. Others are as if they were not there. */
  readonly galleries: readonly string[] | null;
  /** The request in hand, where it may be sent twice and must be done once. */
  readonly once?: Once;
}

/**
 * Makes an empty gallery.
 * @throws FacegraphError `NameTaken`, `InvalidInput` for a model that is not known,
 *   `ModelUnavailable`, `Forbidden` for a service bound to galleries.
 */
export async function createGallery(
  service: Service,
  { name, model, threshold, keepImages, ...given }: store.NewGallery,
): Promise<{ id: string }> {
  const { engine, galleries } = service;
  if (galleries)
    throw new FacegraphError('Forbidden', 'a key that is bound to galleries makes no others');
  await engine.embedder(model);
  const data = {
    name: named(name),
    model,
    threshold,
    keepImages,
    retentionDays: retention(given.retentionDays),
    falseHitRate: falseHitRate(given.falseHitRate),
    quality: given.quality,
  };
  return transact(service, async (tx) => {
    const { id } = await store.insertGallery(tx, data);
    return { id };
  });
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
  const person = personColumns(identity);
  return transact(service, async (tx) => {
    const { id } = await store.insertIdentity(tx, gallery.id, person);
    return { id };
  });
}

/** Deletes a person with all faces and all that tells of them. @throws FacegraphError `IdentityNotFound`. */
export async function deleteIdentity(service: Service, id: string): Promise<void> {
  const { galleryId } = await store.findIdentity(service, id);
  await changeFaces(service, galleryId, (tx, touched) => eraseData(tx, touched, galleryId, id));
}

/** Deletes one face. @throws FacegraphError `FaceNotFound`. */
export async function deleteFace(service: Service, id: string): Promise<void> {
  const { galleryId } = await store.findFace(service, id);
  await changeFaces(service, galleryId, async (tx, touched) => {
    // Read again: it may have moved to somebody else until the gallery was ours.
    const { identityId } = await store.findFace({ ...service, db: tx }, id);
    touched.faces.add(id);
    if (identityId) touched.identities.add(identityId);
    await tx.face.delete({ where: { id } });
  });
}
