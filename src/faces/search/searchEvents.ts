import type { Prisma, SearchKind } from '../../generated/prisma/client.ts';
import type { Access } from '../gallery/store.ts';

/** Which searches are asked about; what is absent does not matter. */
export interface SearchFilter {
  readonly keyId?: string | null;
  readonly galleryId?: string | null;
  /** The person that was nearest to a face that was searched for. */
  readonly identityId?: string | null;
  readonly kind?: SearchKind | null;
  /** The first moment. */
  readonly from?: Date | null;
  /** The first moment that no longer counts. */
  readonly to?: Date | null;
}

/**
 * The query for logged searches. Whoever may use some galleries only sees the searches in those, of
 * a search in several its own part.
 */
export function loggedSearches(
  { galleries }: Pick<Access, 'galleries'>,
  { keyId, galleryId, identityId, kind, from, to }: SearchFilter,
): Prisma.SearchEventWhereInput {
  const seen = galleries ? { in: [...galleries] } : undefined;
  const asked = galleryId ? [galleryId] : null;
  const among =
    galleries && asked ? asked.filter((id) => galleries.includes(id)) : (asked ?? galleries);
  return {
    ...(keyId && { keyId }),
    ...(kind && { kind }),
    ...(identityId && { faces: { some: { identityId, galleryId: seen } } }),
    at: { gte: from ?? undefined, lt: to ?? undefined },
    ...(among && { galleryIds: { hasSome: [...among] } }),
  };
}

/**
 * Takes people out of all logged searches, for whoever erases them: that they were searched for
 * stays, whom it found does not. Call it after the identities are deleted, in the same transaction
 * or later; then searches that are not written yet leave the names out themselves.
 * @returns how many results named them.
 */
export async function blankIdentities(
  db: Prisma.TransactionClient,
  identityIds: readonly string[],
): Promise<number> {
  const { count } = await db.searchedFace.updateMany({
    where: { identityId: { in: [...identityIds] } },
    data: { identityId: null },
  });
  return count;
}

/** Takes photographs out of all logged searches, for whoever erases those they show. */
export async function blankImages(
  db: Prisma.TransactionClient,
  imageHashes: readonly string[],
): Promise<void> {
  if (imageHashes.length === 0) return;
  await db.$executeRaw`
    UPDATE "SearchEvent"
    SET "imageHashes" = ARRAY(SELECT h FROM unnest("imageHashes") h WHERE h <> ALL(${imageHashes}))
    WHERE "imageHashes" && ${imageHashes}`;
}
