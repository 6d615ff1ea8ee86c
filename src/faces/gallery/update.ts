import { FacegraphError } from '../../errors.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { violates } from '../database/violates.ts';
import type { Service } from './galleries.ts';
import { personColumns } from './person.ts';
import { falseHitRate, limitsColumn, qualityLimits, retention } from './settings.ts';
import * as store from './store.ts';
import { named } from './text.ts';

/**
 * Changes a gallery; what is undefined stays as it is. Without `keepImages` the photographs that are
 * stored are deleted too.
 * @param data `threshold` null: the calibration's or the model's; `retentionDays` null: for ever, else it
 *   goes for the faces enrolled before too; `quality` null, or one of its limits: the standard. Faces that
 *   are enrolled already stay.
 * @throws FacegraphError `GalleryNotFound`, `NameTaken`, `InvalidInput`.
 */
export async function updateGallery(
  service: Service,
  id: string,
  { name, retentionDays, quality, ...more }: Partial<Omit<store.NewGallery, 'model'>>,
): Promise<void> {
  const gallery = await store.findGallery(service, { id });
  const data = {
    ...more,
    name: name === undefined ? undefined : named(name),
    retentionDays: retention(retentionDays),
    qualityLimits: limitsColumn(quality, qualityLimits(gallery)),
    falseHitRate: falseHitRate(more.falseHitRate),
  };
  const change = async (tx: Prisma.TransactionClient) => {
    await tx.gallery.update({ where: { id }, data });
    if (data.keepImages === false) await tx.storedImage.deleteMany({ where: { galleryId: id } });
  };
  await service.db.$transaction(change).catch((error) => {
    if (violates(error, 'P2002'))
      throw new FacegraphError('NameTaken', `there is a gallery ${data.name} already`);
    throw violates(error, 'P2025')
      ? new FacegraphError('GalleryNotFound', 'the gallery was deleted meanwhile')
      : error;
  });
}

/**
 * Changes what is known of a person; what is undefined stays as it is, and null takes it away.
 * @throws FacegraphError `IdentityNotFound`, `NameTaken` for the external id, `InvalidInput`.
 */
export async function updateIdentity(
  service: Service,
  id: string,
  person: Partial<store.NewIdentity>,
): Promise<void> {
  await store.findIdentity(service, id);
  const data = personColumns(person);
  await service.db.identity.update({ where: { id }, data, select: { id: true } }).catch((error) => {
    if (violates(error, 'P2002'))
      throw new FacegraphError(
        'NameTaken',
        `the gallery has an identity ${data.externalId} already`,
      );
    throw violates(error, 'P2025')
      ? new FacegraphError('IdentityNotFound', 'the identity was deleted meanwhile')
      : error;
  });
}
