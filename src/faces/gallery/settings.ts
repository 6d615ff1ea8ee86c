import { FacegraphError } from '../../errors.ts';
import type { Gallery } from '../../generated/prisma/client.ts';
import type { Service } from './galleries.ts';
import { findGallery } from './store.ts';

const MAX_DAYS = 36_500;

/**
 * Says whether a gallery stores the photographs of faces enrolled from now on. Those that it has
 * stored are deleted when it no longer shall.
 * @throws FacegraphError `GalleryNotFound`.
 */
export async function setKeepImages(
  service: Service,
  galleryId: string,
  keepImages: boolean,
): Promise<Gallery> {
  const { id } = await findGallery(service, { id: galleryId });
  return service.db.$transaction(async (tx) => {
    const gallery = await tx.gallery.update({ where: { id }, data: { keepImages } });
    if (!keepImages) await tx.storedImage.deleteMany({ where: { galleryId: id } });
    return gallery;
  });
}

/**
 * Says after how many days the faces of a gallery are deleted, those enrolled before too.
 * @param retentionDays null: never.
 * @throws FacegraphError `GalleryNotFound`, `InvalidInput`.
 */
export async function setRetention(
  service: Service,
  galleryId: string,
  retentionDays: number | null,
): Promise<Gallery> {
  if (retentionDays !== null && !(retentionDays >= 1 && retentionDays <= MAX_DAYS))
    throw new FacegraphError('InvalidInput', `a retention has 1 to ${MAX_DAYS} days`);
  const { id } = await findGallery(service, { id: galleryId });
  return service.db.gallery.update({ where: { id }, data: { retentionDays } });
}
