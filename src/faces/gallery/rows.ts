import type { Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import { fromBytes } from './vector.ts';

/** A face as the search index knows it. */
export interface FaceRow {
  readonly faceId: string;
  /** Null while nobody has been named. */
  readonly identityId: string | null;
  readonly embedding: Float32Array;
}

/** A gallery as the search index knows it. */
export interface GalleryHead {
  readonly id: string;
  readonly model: string;
  readonly version: number;
}

/** Every gallery's model and version. */
export function galleryHeads(db: PrismaClient): Promise<GalleryHead[]> {
  return db.gallery.findMany({ select: { id: true, model: true, version: true } });
}

/** One gallery's model and version, or null when it is gone. */
export function galleryHead(db: PrismaClient, id: string): Promise<GalleryHead | null> {
  return db.gallery.findUnique({
    where: { id },
    select: { id: true, model: true, version: true },
  });
}

/** The faces that have an embedding by the gallery's model, page by page in the order of enrolment. */
export async function* faceRows(
  db: PrismaClient,
  { id: galleryId, model }: GalleryHead,
  pageSize: number,
): AsyncGenerator<FaceRow[]> {
  for (let after = ''; ; ) {
    const page = await readRows(
      db,
      { model, faceId: { gt: after }, face: { galleryId } },
      pageSize,
    );
    if (page.length === 0) return;
    after = page[page.length - 1].faceId;
    yield page;
  }
}

/** Those of the given faces that exist and have an embedding by the gallery's model. */
export function rowsOf(
  db: PrismaClient,
  { id: galleryId, model }: GalleryHead,
  faceIds: readonly string[],
): Promise<FaceRow[]> {
  return readRows(db, { model, faceId: { in: [...faceIds] }, face: { galleryId } });
}

/** Templates of identities, of all or of some, by identity. */
export async function templates(
  db: PrismaClient,
  galleryId: string,
  ids?: readonly string[],
): Promise<Map<string, Float32Array>> {
  const rows = await db.identity.findMany({
    where: { galleryId, template: { not: null }, ...(ids && { id: { in: [...ids] } }) },
    select: { id: true, template: true },
  });
  return new Map(rows.map(({ id, template }) => [id, fromBytes(template!)]));
}

/**
 * Faces touched by the changes after `version`, and the version they lead to. Null when the log does
 * not reach back that far: then the gallery must be read anew.
 */
export async function changesSince(
  db: PrismaClient,
  galleryId: string,
  version: number,
): Promise<{ version: number; faceIds: string[] } | null> {
  const changes = await db.galleryChange.findMany({
    where: { galleryId, version: { gt: version } },
    orderBy: { version: 'asc' },
  });
  if (changes[0]?.version !== version + 1) return null;
  return {
    version: changes[changes.length - 1].version,
    faceIds: [...new Set(changes.flatMap(({ faceIds }) => faceIds))],
  };
}

async function readRows(
  db: PrismaClient,
  where: Prisma.EmbeddingWhereInput,
  take?: number,
): Promise<FaceRow[]> {
  const rows = await db.embedding.findMany({
    where,
    orderBy: { faceId: 'asc' },
    take,
    include: { face: { select: { identityId: true } } },
  });
  return rows.map(({ faceId, vector, face }) => ({
    faceId,
    identityId: face.identityId,
    embedding: fromBytes(vector),
  }));
}
