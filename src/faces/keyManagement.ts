import { FacegraphError } from '../errors.ts';
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import { named } from './gallery/text.ts';
import { insertKey, type NewKey } from './keys.ts';

/** A key that always works and may manage all others. */
const PERMANENT_ADMIN: Prisma.ApiKeyWhereInput = {
  scopes: { has: 'admin' },
  galleryIds: { isEmpty: true },
  expiresAt: null,
  revokedAt: null,
};

/**
 * Makes a key for a client.
 * @returns with the secret, which cannot be had again.
 * @throws FacegraphError `InvalidInput` for a bad label, no scope, an empty list of galleries or an
 *   expiry in the past; `GalleryNotFound`.
 */
export async function issueKey(
  db: PrismaClient,
  key: NewKey,
): Promise<{ id: string; secret: string }> {
  const { scopes, galleries, expiresAt } = key;
  const label = named(key.label);
  if (scopes.length === 0) throw new FacegraphError('InvalidInput', 'a key needs a scope');
  if (expiresAt && expiresAt <= new Date())
    throw new FacegraphError('InvalidInput', 'expiresAt lies in the past');
  // To the database an empty list means all galleries, which nobody should say by accident.
  if (galleries?.length === 0)
    throw new FacegraphError('InvalidInput', 'galleries is empty: leave it out to allow all');
  const bound = galleries && [...new Set(galleries)];
  if (bound && (await db.gallery.count({ where: { id: { in: bound } } })) < bound.length)
    throw new FacegraphError('GalleryNotFound', 'a gallery of the list is not there');
  return insertKey(db, { label, scopes: [...new Set(scopes)], galleries: bound, expiresAt });
}

/**
 * Makes a key useless, at once and in every process; one that is revoked already stays as it is.
 * @throws FacegraphError `ApiKeyNotFound`; `LastAdminKey` when no other key without expiry and
 *   galleries could manage keys afterwards.
 */
export async function revokeKey(db: PrismaClient, id: string): Promise<void> {
  await db.$transaction(async (tx) => {
    // Of the last two admin keys two processes must not each revoke one.
    await tx.$executeRaw`LOCK TABLE "ApiKey" IN EXCLUSIVE MODE`;
    const key = await tx.apiKey.findUnique({ where: { id } });
    if (!key) throw new FacegraphError('ApiKeyNotFound', 'no API key of this id');
    if (key.revokedAt) return;
    const admins = await tx.apiKey.findMany({ where: PERMANENT_ADMIN, take: 2 });
    if (admins.length === 1 && admins[0].id === id)
      throw new FacegraphError('LastAdminKey', 'no other permanent key may manage keys');
    await tx.apiKey.update({ where: { id }, data: { revokedAt: new Date() } });
  });
}
