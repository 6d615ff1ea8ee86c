import type { SearchIndex } from '../../engine/engine.ts';
import { type MaskKind, Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import { SCHEMA } from '../database/vectors.ts';
import { MASK_TEMPLATES } from '../masks/templates.ts';
import { type KnownRow, maskRowId } from './ranked.ts';
import { type GalleryHead, maskRowsOf, type Reader, rowsOf, templates } from './rows.ts';

type Transaction = Prisma.TransactionClient;

/** What is compared: faces, templates, and what drawn masks make of faces. Each has a table. */
export type RowKind = 'face' | 'template' | 'mask';

/** Rows for a table of vectors. */
interface Row {
  readonly id: string;
  readonly embedding: Float32Array;
}

/** A gallery that is searched in the database, as `identify` takes an index. */
export interface DatabaseIndex {
  readonly index: Pick<SearchIndex, 'size' | 'search'>;
  /** Whose rows `index` has found so far. */
  readonly known: ReadonlyMap<string, KnownRow>;
}

/**
 * Candidates that the index of pgvector keeps while it searches, as many as it can, and rows that may
 * be asked of it; for more, all are compared. Of the 20 nearest among 5,000 random vectors of 512 values,
 * which lie as badly as can be, it then finds 0.999 (0.993 with 512 candidates, 0.90 with 200).
 */
const CANDIDATES = 1000;
const MAX_K = 250;
/** Rows of one transaction: the index takes up to 60 ms for one in PGlite. */
const PAGE = 50;
const KINDS: readonly RowKind[] = ['face', 'template', 'mask'];

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
  await tx.$executeRaw`DELETE FROM ${table('mask')} WHERE "faceId" = ANY(${faces})`;
  await tx.$executeRaw`DELETE FROM ${table('template')} WHERE id = ANY(${identities})`;
  for (const kind of KINDS) {
    const ids = kind === 'template' ? identities : faces;
    for (let from = 0; from < ids.length; from += PAGE)
      await insert(tx, kind, id, await vectorsOf(tx, kind, gallery, ids.slice(from, from + PAGE)));
  }
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
  let after = new Map<RowKind, string>();
  for (let more = true; more; )
    more = await db.$transaction(async (tx) => {
      // Whoever changes the gallery waits, and finds it registered afterwards.
      const [gallery] = await tx.$queryRaw<GalleryHead[]>`
        SELECT id, model, version FROM "Gallery" WHERE id = ${galleryId} FOR UPDATE`;
      if (!gallery) return false;
      if (await register(tx, gallery)) after = new Map();
      for (const kind of KINDS) {
        const ids = await missing(tx, kind, gallery, after.get(kind) ?? '');
        if (ids.length === 0) continue;
        after.set(kind, ids[ids.length - 1]);
        await insert(tx, kind, galleryId, await vectorsOf(tx, kind, gallery, ids));
        return true;
      }
      await tx.$executeRaw`UPDATE ${table('gallery')} SET ready = true WHERE "galleryId" = ${galleryId}`;
      return false;
    });
}

/** Rows of a gallery in the tables of vectors. */
export type VectorCounts = Readonly<Record<RowKind, number>>;

/** How many rows the gallery has there. */
export async function countVectors(db: Reader, galleryId: string): Promise<VectorCounts> {
  const [counts] = await db.$queryRaw<VectorCounts[]>`SELECT
    (SELECT count(*)::integer FROM ${table('face')} WHERE "galleryId" = ${galleryId}) AS face,
    (SELECT count(*)::integer FROM ${table('template')} WHERE "galleryId" = ${galleryId}) AS template,
    (SELECT count(*)::integer FROM ${table('mask')} WHERE "galleryId" = ${galleryId}) AS mask`;
  return counts;
}

/** The rows of a gallery that `hasVectors`, for one call of `identify`. */
export function databaseIndex(
  db: PrismaClient,
  galleryId: string,
  kind: RowKind,
  size: number,
): DatabaseIndex {
  const known = new Map<string, KnownRow>();
  const search: SearchIndex['search'] = (probes, k) =>
    Promise.all(
      probes.map(async (probe) => {
        const rows = await nearest(db, galleryId, kind, probe, k);
        for (const { id, faceId, identity, mask } of rows)
          known.set(id, { id: faceId, identity, mask });
        return rows.sort((a, b) => a.distance - b.distance);
      }),
    );
  return { index: { size, search }, known };
}

interface NearRow {
  readonly id: string;
  readonly faceId: string;
  readonly identity: string;
  readonly mask: MaskKind | null;
  readonly distance: number;
}

// Of a row that was found: whose it is. A row of a masked face is called like the face and the kind.
const [IDENTITY, NO_MASK] = ['(SELECT "identityId" FROM "Face" f WHERE f.id = %)', 'NULL'];
const OF: Record<RowKind, Record<'face' | 'identity' | 'mask', Prisma.Sql>> = {
  face: columns('found.id', IDENTITY, NO_MASK),
  template: columns('found.id', '%', NO_MASK),
  mask: columns("split_part(found.id, '/', 1)", IDENTITY, "split_part(found.id, '/', 2)"),
};

function columns(face: string, identity: string, mask: string) {
  const sql = (text: string) => Prisma.raw(text.replace('%', face));
  return { face: sql(face), identity: sql(identity), mask: sql(mask) };
}

async function nearest(
  db: PrismaClient,
  galleryId: string,
  kind: RowKind,
  probe: Float32Array,
  k: number,
) {
  const length = Prisma.raw(String(probe.length));
  // The index is of the column cast to one length; without the cast it is passed over.
  const cast = k > MAX_K ? Prisma.empty : Prisma.sql`::halfvec(${length})`;
  const of = OF[kind];
  const [, , rows] = await db.$transaction([
    db.$executeRaw`SELECT set_config('hnsw.ef_search', ${String(CANDIDATES)}, true)`,
    // A gallery that shares the index with larger ones gets its rows too.
    db.$executeRaw`SELECT set_config('hnsw.iterative_scan', 'strict_order', true)`,
    db.$queryRaw<NearRow[]>`
      SELECT id, ${of.face} AS "faceId", ${of.identity} AS identity, ${of.mask} AS mask,
        1 + similarity AS distance
      FROM (
        SELECT id, vector${cast} <#> ${text(probe)}::halfvec(${length}) AS similarity
        FROM ${table(kind)} WHERE "galleryId" = ${galleryId} AND dimensions = ${length}
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
  for (const kind of KINDS)
    await tx.$executeRaw`DELETE FROM ${table(kind)} WHERE "galleryId" = ${galleryId}`;
}

// Ids of faces or identities whose rows are not there.
async function missing(
  tx: Transaction,
  kind: RowKind,
  { id: galleryId, model }: GalleryHead,
  after: string,
): Promise<string[]> {
  const of = Prisma.raw(kind === 'template' ? '"Identity"' : '"Face"');
  const column = Prisma.raw(kind === 'mask' ? '"faceId"' : 'id');
  const masked = Prisma.sql`AND EXISTS (
    SELECT 1 FROM "MaskEmbedding" m WHERE m."faceId" = o.id AND m.model = ${model})`;
  const limit = kind === 'mask' ? Math.ceil(PAGE / MASK_TEMPLATES) : PAGE;
  const rows = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM ${of} o
    WHERE "galleryId" = ${galleryId} AND id > ${after}
    AND NOT EXISTS (SELECT 1 FROM ${table(kind)} v WHERE v.${column} = o.id)
    ${kind === 'mask' ? masked : Prisma.empty}
    ORDER BY id LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}

// The rows of faces or identities.
async function vectorsOf(
  tx: Transaction,
  kind: RowKind,
  head: GalleryHead,
  ids: string[],
): Promise<Row[]> {
  if (kind === 'template')
    return [...(await templates(tx, head.id, ids))].map(([id, embedding]) => ({ id, embedding }));
  // Those of nobody known stay on the GPU, so that they cannot crowd people out of a search.
  const faces = (await rowsOf(tx, head, ids)).filter(({ identityId }) => identityId);
  if (kind === 'face') return faces.map(({ faceId: id, embedding }) => ({ id, embedding }));
  const masks = await maskRowsOf(
    tx,
    head,
    faces.map(({ faceId }) => faceId),
  );
  return [...masks].flatMap(([faceId, made]) =>
    made.map((one) => ({ id: maskRowId(faceId, one.kind), embedding: one.embedding })),
  );
}

async function insert(tx: Transaction, kind: RowKind, galleryId: string, rows: readonly Row[]) {
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  const vectors = rows.map(({ embedding }) => text(embedding));
  await tx.$executeRaw`INSERT INTO ${table(kind)}
      (id, "galleryId", dimensions, vector)
    SELECT id, ${galleryId}, ${rows[0].embedding.length}::integer, vector::halfvec
    FROM unnest(${ids}::text[], ${vectors}::text[]) AS row (id, vector)`;
}

function table(name: 'gallery' | RowKind): Prisma.Sql {
  return Prisma.raw(`${SCHEMA}.${name}`);
}

function text(embedding: Float32Array): string {
  return `[${embedding.join()}]`;
}
