import { createHash, randomUUID } from 'node:crypto';
import { FacegraphError } from '../../errors.ts';
import type { Erasure } from '../../generated/prisma/client.ts';
import { canonicalJson } from '../canonicalJson.ts';
import { changeFaces } from './changes.ts';
import { eraseData } from './eraseData.ts';
import type { Service } from './galleries.ts';
import * as store from './store.ts';

/**
 * Erases a person for good, and keeps that it was done but not to whom.
 * @param confirmName must be the person's name.
 * @throws FacegraphError `IdentityNotFound`, `InvalidInput` when the name is another.
 */
export async function eraseIdentity(
  service: Service,
  identityId: string,
  confirmName: string,
): Promise<Erasure> {
  const { galleryId } = await store.findIdentity(service, identityId);
  return changeFaces(service, galleryId, async (tx, touched) => {
    const { name } = await store.findIdentity({ ...service, db: tx }, identityId);
    if (name !== confirmName)
      throw new FacegraphError('InvalidInput', 'confirmName is not the name of the identity');
    const counts = await eraseData(tx, touched, galleryId, identityId);
    const receipt = { id: randomUUID(), galleryId, at: new Date(), counts };
    const hash = createHash('sha256').update(receiptJson(receipt)).digest('hex');
    return tx.erasure.create({ data: { ...receipt, hash } });
  });
}

/** The receipt of an erasure as canonical JSON, which its hash is over. */
export function receiptJson({ id, galleryId, at, counts }: Omit<Erasure, 'hash'>): string {
  return canonicalJson({ id, galleryId, at, counts });
}
