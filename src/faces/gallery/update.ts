import { FacegraphError } from '../../errors.ts';
import { violates } from '../database/violates.ts';
import type { Service } from './galleries.ts';
import { personColumns } from './person.ts';
import * as store from './store.ts';
import { named } from './text.ts';

/**
 * Changes a gallery; what is undefined stays as it is.
 * @param data `threshold` null: the model's own.
 * @throws FacegraphError `GalleryNotFound`, `NameTaken`, `InvalidInput`.
 */
export async function updateGallery(
  service: Service,
  id: string,
  { name, threshold }: { name?: string; threshold?: number | null },
): Promise<void> {
  await store.findGallery(service, { id });
  const data = { name: name === undefined ? undefined : named(name), threshold };
  await service.db.gallery.update({ where: { id }, data }).catch((error) => {
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
