import type { Prisma } from '../../generated/prisma/client.ts';
import { forgetPerson } from '../jobs/forgetPerson.ts';
import { blankIdentities, blankImages } from '../search/searchEvents.ts';
import { forgetTokens } from '../search/tokens.ts';
import type { Touched } from './changes.ts';

/** Rows that went with a person, or lost what they knew. */
export type ErasureCounts = {
  readonly identities: number;
  readonly faces: number;
  readonly embeddings: number;
  readonly images: number;
  readonly tokens: number;
  readonly edits: number;
  readonly jobItems: number;
  readonly searchResults: number;
  readonly idempotencyKeys: number;
  /** Absent in receipts of before there were such reports. */
  readonly maskReports?: number;
};

/** Whom a person was known as: it and those that were merged into it. */
interface Aliases {
  readonly ids: string[];
  readonly names: string[];
  readonly externalIds: string[];
}

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
  const { ids, names, externalIds } = await aliases(tx, galleryId, identityId);
  const theirs = {
    OR: [{ identityId }, { id: { in: await takenAway(tx, galleryId, ids) }, identityId: null }],
  };
  const faces = await tx.face.findMany({
    where: theirs,
    select: { id: true, imageHash: true },
  });
  const faceIds = faces.map(({ id }) => id);
  for (const id of faceIds) touched.faces.add(id);
  const hashes = [...new Set(faces.map(({ imageHash }) => imageHash))];
  const stored = () => tx.storedImage.count({ where: { galleryId, hash: { in: hashes } } });
  const before = await stored();
  const masked = await tx.maskedFace.deleteMany({ where: { face: theirs } });
  const risks = await tx.maskRisk.deleteMany({ where: { identityId } });
  const embeddings = await tx.embedding.deleteMany({ where: { face: theirs } });
  // The database deletes photographs with the last face of each.
  await tx.face.deleteMany({ where: theirs });
  const images = before - (await stored());
  const tokens = await forgetTokens(tx, hashes);
  const edits = await tx.edit.deleteMany({
    where: {
      galleryId,
      OR: [{ fromId: { in: ids } }, { toId: { in: ids } }, { faceIds: { hasSome: faceIds } }],
    },
  });
  const jobItems = await forgetPerson(tx, galleryId, { faceIds, names, externalIds });
  const idempotencyKeys = await tx.idempotencyKey.deleteMany({
    where: { ids: { hasSome: [...ids, ...faceIds] } },
  });
  const identities = await tx.identity.deleteMany({ where: { id: identityId } });
  const searchResults = await blankIdentities(tx, ids);
  await blankImages(tx, hashes);
  return {
    identities: identities.count,
    faces: faceIds.length,
    embeddings: embeddings.count,
    images,
    tokens,
    edits: edits.count,
    jobItems,
    searchResults,
    idempotencyKeys: idempotencyKeys.count,
    maskReports: risks.count + masked.count,
  };
}

// Faces that were taken from a person for their quality are the person's all the same.
async function takenAway(
  tx: Prisma.TransactionClient,
  galleryId: string,
  ids: string[],
): Promise<string[]> {
  const edits = await tx.edit.findMany({
    where: { galleryId, kind: 'UNASSIGN', undoneAt: null, fromId: { in: ids } },
    select: { faceIds: true },
  });
  return edits.flatMap(({ faceIds }) => faceIds);
}

// Whoever was merged into the person is the person, and edits still know what they were called.
async function aliases(
  tx: Prisma.TransactionClient,
  galleryId: string,
  identityId: string,
): Promise<Aliases> {
  const self = await tx.identity.findUnique({ where: { id: identityId } });
  const ids = new Set([identityId]);
  const known: { name?: unknown; externalId?: unknown }[] = self ? [self] : [];
  for (let latest = [identityId]; latest.length > 0; ) {
    const merges = await tx.edit.findMany({
      where: { galleryId, kind: 'MERGE', undoneAt: null, toId: { in: latest } },
      select: { fromId: true, removed: true },
    });
    known.push(...merges.map(({ removed }) => removed as object));
    latest = merges.flatMap(({ fromId }) => fromId ?? []).filter((id) => !ids.has(id));
    for (const id of latest) ids.add(id);
  }
  const texts = (values: unknown[]) => values.filter((value) => typeof value === 'string');
  return {
    ids: [...ids],
    names: texts(known.map(({ name }) => name)),
    externalIds: texts(known.map(({ externalId }) => externalId)),
  };
}
