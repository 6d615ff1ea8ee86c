import { createHash, randomUUID } from 'node:crypto';
import { FacegraphError } from '../../errors.ts';
import type { Erasure, Prisma } from '../../generated/prisma/client.ts';
import { canonicalJson } from '../canonicalJson.ts';
import { changeFaces, type Touched } from './changes.ts';
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
    return erase(tx, touched, galleryId, identityId);
  });
}

/** Erases everybody whose consent has ended, as `eraseIdentity` does. */
export async function eraseExpired(service: Pick<Service, 'db' | 'indexes'>): Promise<void> {
  const ended = { consentExpiresAt: { lte: new Date() } };
  const people = await service.db.identity.findMany({
    where: ended,
    select: { id: true, galleryId: true },
  });
  for (const { id, galleryId } of people)
    await changeFaces(service, galleryId, async (tx, touched) => {
      // It may have been renewed meanwhile.
      if (await tx.identity.findFirst({ where: { id, ...ended } }))
        await erase(tx, touched, galleryId, id);
    });
}

async function erase(
  tx: Prisma.TransactionClient,
  touched: Touched,
  galleryId: string,
  identityId: string,
): Promise<Erasure> {
  const counts = await eraseData(tx, touched, galleryId, identityId);
  const receipt = { id: randomUUID(), galleryId, at: new Date(), counts };
  const hash = createHash('sha256').update(receiptJson(receipt)).digest('hex');
  return tx.erasure.create({ data: { ...receipt, hash } });
}

/** The receipt of an erasure as canonical JSON, which its hash is over. */
export function receiptJson({ id, galleryId, at, counts }: Omit<Erasure, 'hash'>): string {
  return canonicalJson({ id, galleryId, at, counts });
}
