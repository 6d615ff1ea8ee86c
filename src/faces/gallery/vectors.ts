import type { SearchIndex } from '../../engine/engine.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import { SCHEMA } from '../database/vectors.ts';
import { type GalleryHead, type Reader, rowsOf, templates } from './rows.ts';

type Transaction = Prisma.TransactionClient;

/** What is compared; each has a table. */
type RankBy = 'face' | 'template';

/** Rows for a table of vectors. */
interface Row {
  readonly id: string;
  readonly embedding: Float32Array;
}

/** A row that was found; `id` is a face's, or the identity's own where templates are ranked. */
interface Found {
  readonly id: string;
  readonly identity: string;
}

/** A gallery that is searched in the database, as `identify` takes an index. */
export interface DatabaseIndex {
  readonly index: Pick<SearchIndex, 'size' | 'search'>;
  /** Whose rows `index` has found so far. */
  readonly known: ReadonlyMap<string, Found>;
}

/**
 * Candidates that the index of pgvector keeps while it searches, as many as it can, and rows that may
 * be asked of it; for more, all are compared. Of the 20 nearest among 5,000 random vectors of 512 values,
 * which lie as badly as can be, it then finds 0.999 (0.993 with 512 candidates, 0.90 with 200). Of the 10
 * nearest among 100,000 it finds 0.53 where they are random; where each has four more of the same person,
 * it finds all five, and 0.97 of the 10 with strangers.
 */
const CANDIDATES = 1000;
const MAX_K = 250;
/** Rows of one transaction: the index takes up to 60 ms for one in PGlite. */
const PAGE = 50;

/**
 * Keeps what a change touched in the tables of vectors, if the gallery is there. One that fell behind,
 * or changed its model, is taken out and will be filled anew.
 */
export async function changeVectors(
  tx: Transaction,
  gallery: GalleryHead,
  touched: { readonly faces: ReadonlySet<string>; readonly identities: ReadonlySet<string> },
): Promise<void> {
  const { id, model, version } = gallery;
  const followed = await tx.$executeRaw`UPDATE ${table('gallery')} SET version = ${version}
    WHERE "galleryId" = ${id} AND model = ${model} AND version = ${version - 1}`;
  if (followed === 0) return remove(tx, id);
  const [faces, identities] = [[...touched.faces], [...touched.identities]];
  await tx.$executeRaw`DELETE FROM ${table('face')} WHERE id = ANY(${faces})`;
  await tx.$executeRaw`DELETE FROM ${table('template')} WHERE id = ANY(${identities})`;
  for (let from = 0; from < faces.length; from += PAGE)
    await insert(tx, 'face', id, await faceVectors(tx, gallery, faces.slice(from, from + PAGE)));
  for (let from = 0; from < identities.length; from += PAGE)
    await insert(
      tx,
      'template',
      id,
      await templatesOf(tx, id, identities.slice(from, from + PAGE)),
    );
}

/** Whether the gallery can be searched in the database as it is now, and by what model. */
export async function hasVectors(db: Reader, { id, model }: GalleryHead): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`SELECT 1 FROM ${table('gallery')} v
    JOIN "Gallery" g ON g.id = v."galleryId" AND g.version = v.version AND g.model = v.model
    WHERE g.id = ${id} AND g.model = ${model} AND v.ready`;
  return rows.length > 0;
}

/**
 * Enters a gallery into the tables of vectors, in small transactions between which it may change.
 * Several processes may do so at once; one that was interrupted is continued.
 */
export async function fillVectors(db: PrismaClient, galleryId: string): Promise<void> {
  let after: Record<RankBy, string> = { face: '', template: '' };
  for (let more = true; more; )
    more = await db.$transaction(async (tx) => {
      // Whoever changes the gallery waits, and finds it registered afterwards.
      const [gallery] = await tx.$queryRaw<GalleryHead[]>`
        SELECT id, model, version FROM "Gallery" WHERE id = ${galleryId} FOR UPDATE`;
      if (!gallery) return false;
      if (await register(tx, gallery)) after = { face: '', template: '' };
      for (const rankBy of ['face', 'template'] as const) {
        const ids = await missing(tx, rankBy, galleryId, after[rankBy]);
        if (ids.length === 0) continue;
        after[rankBy] = ids[ids.length - 1];
        const rows =
          rankBy === 'face'
            ? await faceVectors(tx, gallery, ids)
            : await templatesOf(tx, galleryId, ids);
        await insert(tx, rankBy, galleryId, rows);
        return true;
      }
      await tx.$executeRaw`UPDATE ${table('gallery')} SET ready = true WHERE "galleryId" = ${galleryId}`;
      return false;
    });
}

/** Rows of a gallery in the tables of vectors. */
export interface VectorCounts {
  readonly face: number;
  readonly template: number;
}

/** How many rows the gallery has there. */
export async function countVectors(db: Reader, galleryId: string): Promise<VectorCounts> {
  const [counts] = await db.$queryRaw<VectorCounts[]>`SELECT
    (SELECT count(*)::integer FROM ${table('face')} WHERE "galleryId" = ${galleryId}) AS face,
    (SELECT count(*)::integer FROM ${table('template')} WHERE "galleryId" = ${galleryId}) AS template`;
  return counts;
}

/** The rows of a gallery that `hasVectors`, for one call of `identify`. */
export function databaseIndex(
  db: PrismaClient,
  galleryId: string,
  rankBy: RankBy,
  size: number,
): DatabaseIndex {
  const known = new Map<string, Found>();
  const search: SearchIndex['search'] = (probes, k) =>
    Promise.all(
      probes.map(async (probe) => {
        const rows = await nearest(db, galleryId, rankBy, probe, k);
        for (const { id, identity } of rows) known.set(id, { id, identity });
        return rows.sort((a, b) => a.distance - b.distance);
      }),
    );
  return { index: { size, search }, known };
}

async function nearest(
  db: PrismaClient,
  galleryId: string,
  rankBy: RankBy,
  probe: Float32Array,
  k: number,
) {
  const length = Prisma.raw(String(probe.length));
  // The index is of the column cast to one length; without the cast it is passed over.
  const cast = k > MAX_K ? Prisma.empty : Prisma.sql`::halfvec(${length})`;
  const identity =
    rankBy === 'face'
      ? Prisma.sql`(SELECT "identityId" FROM "Face" f WHERE f.id = found.id)`
      : Prisma.sql`found.id`;
  const [, , rows] = await db.$transaction([
    db.$executeRaw`SELECT set_config('hnsw.ef_search', ${String(CANDIDATES)}, true)`,
    // A gallery that shares the index with larger ones gets its rows too.
    db.$executeRaw`SELECT set_config('hnsw.iterative_scan', 'strict_order', true)`,
    db.$queryRaw<{ id: string; identity: string; distance: number }[]>`
      SELECT id, ${identity} AS identity, 1 + similarity AS distance FROM (
        SELECT id, vector${cast} <#> ${text(probe)}::halfvec(${length}) AS similarity
        FROM ${table(rankBy)} WHERE "galleryId" = ${galleryId} AND dimensions = ${length}
        ORDER BY similarity LIMIT ${k}
      ) found`,
  ]);
  return rows;
}

// Returns whether the gallery was not there, or only as it had been.
async function register(tx: Transaction, { id, model, version }: GalleryHead): Promise<boolean> {
  const there = await tx.$queryRaw<unknown[]>`SELECT 1 FROM ${table('gallery')}
    WHERE "galleryId" = ${id} AND model = ${model} AND version = ${version}`;
  if (there.length > 0) return false;
  await remove(tx, id);
  await tx.$executeRaw`INSERT INTO ${table('gallery')} VALUES (${id}, ${model}, ${version})`;
  return true;
}

async function remove(tx: Transaction, galleryId: string): Promise<void> {
  const was =
    await tx.$executeRaw`DELETE FROM ${table('gallery')} WHERE "galleryId" = ${galleryId}`;
  if (was === 0) return;
  for (const rankBy of ['face', 'template'] as const)
    await tx.$executeRaw`DELETE FROM ${table(rankBy)} WHERE "galleryId" = ${galleryId}`;
}

async function missing(
  tx: Transaction,
  rankBy: RankBy,
  galleryId: string,
  after: string,
): Promise<string[]> {
  const of = Prisma.raw(rankBy === 'face' ? '"Face"' : '"Identity"');
  const rows = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM ${of} o
    WHERE "galleryId" = ${galleryId} AND id > ${after}
    AND NOT EXISTS (SELECT 1 FROM ${table(rankBy)} v WHERE v.id = o.id)
    ORDER BY id LIMIT ${PAGE}`;
  return rows.map(({ id }) => id);
}

async function faceVectors(tx: Transaction, head: GalleryHead, ids: string[]): Promise<Row[]> {
  const rows = await rowsOf(tx, head, ids);
  // Those of nobody known stay on the GPU, so that they cannot crowd people out of a search.
  return rows.flatMap(({ faceId, identityId, embedding }) =>
    identityId ? [{ id: faceId, embedding }] : [],
  );
}

async function templatesOf(tx: Transaction, galleryId: string, ids: string[]): Promise<Row[]> {
  return [...(await templates(tx, galleryId, ids))].map(([id, embedding]) => ({ id, embedding }));
}

async function insert(tx: Transaction, rankBy: RankBy, galleryId: string, rows: readonly Row[]) {
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  const vectors = rows.map(({ embedding }) => text(embedding));
  await tx.$executeRaw`INSERT INTO ${table(rankBy)}
    SELECT id, ${galleryId}, ${rows[0].embedding.length}::integer, vector::halfvec
    FROM unnest(${ids}::text[], ${vectors}::text[]) AS row (id, vector)`;
}

function table(name: 'gallery' | RankBy): Prisma.Sql {
  return Prisma.raw(`${SCHEMA}.${name}`);
}

function text(embedding: Float32Array): string {
  return `[${embedding.join()}]`;
}
