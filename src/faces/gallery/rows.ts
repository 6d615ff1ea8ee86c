import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
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

/** The database, or a transaction of it, as far as raw reading needs it. */
export type Reader = Pick<PrismaClient, '$queryRaw'>;

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

/**
 * The faces that have an embedding by the gallery's model, all or those of nobody known, page by page
 * in the order of enrolment.
 */
export async function* faceRows(
  db: Reader,
  head: GalleryHead,
  pageSize: number,
  among: 'all' | 'unassigned' = 'all',
): AsyncGenerator<FaceRow[]> {
  const wanted = among === 'all' ? Prisma.empty : Prisma.sql`AND "identityId" IS NULL`;
  for (let after = ''; ; ) {
    const which = Prisma.sql`"id" > ${after} ${wanted} ORDER BY "id" LIMIT ${pageSize}`;
    const page = await readRows(db, head, which);
    if (page.length === 0) return;
    after = page[page.length - 1].faceId;
    yield page.flatMap(embedded);
  }
}

/** Those of the given faces that exist and have an embedding by the gallery's model. */
export async function rowsOf(
  db: Reader,
  head: Pick<GalleryHead, 'id' | 'model'>,
  faceIds: readonly string[],
): Promise<FaceRow[]> {
  const rows = await readRows(db, head, Prisma.sql`"id" = ANY(${[...faceIds]})`);
  return rows.flatMap(embedded);
}

/** Templates of identities, of all or of some, by identity. */
export async function templates(
  db: Pick<PrismaClient, 'identity'>,
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

interface ReadRow {
  readonly faceId: string;
  readonly identityId: string | null;
  readonly vector: string | null;
}

// Not by the model's own query, which builds an object for each face around its embedding; and as base64,
// which is two thirds as long as PostgreSQL's own text for bytes: 10,000 rows of 512 values take 0.24 s in
// place of 0.29 from PGlite, 0.13 of 0.22 from a server. The faces are found first whatever the planner
// believes, which in PGlite knows nothing of a table's size.
function readRows(
  db: Reader,
  { id, model }: Pick<GalleryHead, 'id' | 'model'>,
  which: Prisma.Sql,
): Promise<ReadRow[]> {
  return db.$queryRaw<ReadRow[]>`
    WITH page AS MATERIALIZED (
      SELECT "id", "identityId" FROM "Face" WHERE "galleryId" = ${id} AND ${which})
    SELECT page."id" AS "faceId", page."identityId", encode(e."vector", 'base64') AS "vector"
    FROM page LEFT JOIN "Embedding" e ON e."faceId" = page."id" AND e."model" = ${model}
    ORDER BY page."id"`;
}

function embedded({ vector, ...row }: ReadRow): FaceRow[] {
  return vector === null ? [] : [{ ...row, embedding: fromBytes(Buffer.from(vector, 'base64')) }];
}
