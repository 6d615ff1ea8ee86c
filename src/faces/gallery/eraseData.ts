import type { Prisma } from '../../generated/prisma/client.ts';
import type { Touched } from './changes.ts';

/** Rows that went with a person. */
export type ErasureCounts = {
  readonly identities: number;
  readonly faces: number;
  readonly embeddings: number;
  readonly edits: number;
  readonly idempotencyKeys: number;
};

/**
 * Removes a person and all that tells of them: the one place that knows where such data lies. The
 * search indexes follow what is touched. The log of changes keeps ids of the faces for an hour, so
 * that other processes forget them too.
 */
export async function eraseData(
  tx: Prisma.TransactionClient,
  touched: Touched,
  galleryId: string,
  identityId: string,
): Promise<ErasureCounts> {
  const people = await mergedInto(tx, galleryId, identityId);
  const faces = await tx.face.findMany({ where: { identityId }, select: { id: true } });
  const faceIds = faces.map(({ id }) => id);
  for (const id of faceIds) touched.faces.add(id);
  const embeddings = await tx.embedding.deleteMany({ where: { face: { identityId } } });
  await tx.face.deleteMany({ where: { identityId } });
  const edits = await tx.edit.deleteMany({
    where: {
      galleryId,
      OR: [{ fromId: { in: people } }, { toId: { in: people } }, { faceIds: { hasSome: faceIds } }],
    },
  });
  const idempotencyKeys = await tx.idempotencyKey.deleteMany({
    where: { ids: { hasSome: [...people, ...faceIds] } },
  });
  const identities = await tx.identity.deleteMany({ where: { id: identityId } });
  return {
    identities: identities.count,
    faces: faceIds.length,
    embeddings: embeddings.count,
    edits: edits.count,
    idempotencyKeys: idempotencyKeys.count,
  };
}

// Whoever was merged into the person is the person, and edits still know what they were called.
async function mergedInto(
  tx: Prisma.TransactionClient,
  galleryId: string,
  identityId: string,
): Promise<string[]> {
  const people = new Set([identityId]);
  for (let latest = [identityId]; latest.length > 0; ) {
    const merges = await tx.edit.findMany({
      where: { galleryId, kind: 'MERGE', undoneAt: null, toId: { in: latest } },
      select: { fromId: true },
    });
    latest = merges.map(({ fromId }) => fromId).filter((id) => !people.has(id));
    for (const id of latest) people.add(id);
  }
  return [...people];
}
