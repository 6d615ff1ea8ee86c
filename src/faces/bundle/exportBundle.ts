import { Readable } from 'node:stream';
import { create } from 'tar';
import type { z } from 'zod';
import { toHalf } from '../../engine/half.ts';
import { readRecord } from '../../engine/weights/record.ts';
import { modelOf } from '../../engine/weights/revision.ts';
import { FacegraphError } from '../../errors.ts';
import type { Face, Gallery, Prisma } from '../../generated/prisma/client.ts';
import type { Service } from '../gallery/galleries.ts';
import { rowsOf } from '../gallery/rows.ts';
import { findGallery, type GalleryBy } from '../gallery/store.ts';
import {
  type Checksums,
  FaceLine,
  GalleryFields,
  IdentityLine,
  type ImageMember,
  type Manifest,
  MEMBERS,
  type Member,
} from './format.ts';
import { openSpool, type Spool } from './spool.ts';
import { recordTransfer } from './transfers.ts';

/** A bundle on its way out. */
export interface Bundle {
  readonly gallery: Gallery;
  /** The archive; destroying it early, or reading it to its end, frees what it came from. */
  readonly stream: Readable;
}

const PAGE = 1000;
const TIMEOUT_MS = 600_000;

/** How a gallery is exported. */
export interface ExportOptions {
  /** The key that asks for it, for the audit. */
  readonly keyId: string;
  /** With the photographs that the gallery stores. */
  readonly images?: boolean;
}

/**
 * Exports a gallery as of one moment, and writes down that it was.
 * @throws FacegraphError `GalleryNotFound`, `ModelMismatch` when faces lack an embedding by the
 *   gallery's model.
 */
export async function exportBundle(
  service: Pick<Service, 'db' | 'galleries'>,
  by: GalleryBy,
  { keyId, images: withImages = false }: ExportOptions,
): Promise<Bundle> {
  const { id } = await findGallery(service, by);
  const spool = await openSpool();
  try {
    const { gallery, counts, images } = await service.db.$transaction(
      (tx) => write(tx, id, spool, withImages),
      // Every page is of the same moment, whatever is enrolled meanwhile.
      { isolationLevel: 'RepeatableRead', timeout: TIMEOUT_MS },
    );
    await recordTransfer(service.db, { direction: 'EXPORT', keyId, galleryId: id, ...counts });
    const members = MEMBERS.flatMap((member) =>
      member === 'checksums.json' ? [...images, member] : [member],
    );
    const archive = create({ cwd: spool.directory, portable: true, noMtime: true }, members);
    const stream = Readable.from(archive as AsyncIterable<Buffer>, { objectMode: false });
    stream.once('close', () => spool.remove());
    return { gallery, stream };
  } catch (error) {
    await spool.remove();
    throw error;
  }
}

async function write(
  tx: Prisma.TransactionClient,
  id: string,
  spool: Spool,
  withImages: boolean,
): Promise<{ gallery: Gallery; counts: Manifest['counts']; images: ImageMember[] }> {
  const gallery = await findGallery({ db: tx, galleries: null }, { id });
  const identities = await spool.create('identities.jsonl');
  const faces = await spool.create('faces.jsonl');
  const embeddings = await spool.create('embeddings.f16');
  const counts = { identities: 0, faces: 0, images: 0 };
  let dimensions = 0;
  const writeFaces = async (page: readonly Face[]) => {
    counts.faces += page.length;
    await faces.write(lines(FaceLine, page));
    const vectors = await embeddingsOf(tx, gallery, page);
    dimensions = vectors[0].length;
    await embeddings.write(Buffer.concat(vectors.map((x) => new Uint8Array(toHalf(x).buffer))));
  };
  for await (const people of identityPages(tx, id)) {
    counts.identities += people.length;
    await identities.write(lines(IdentityLine, people));
    for await (const page of facePages(tx, people)) await writeFaces(page);
  }
  for await (const page of unassignedPages(tx, id)) await writeFaces(page);
  const images = withImages ? await writeImages(tx, id, spool) : [];
  counts.images = images.length;
  const { model, revision } = modelOf(gallery.model);
  const { name } = model;
  const manifest: Manifest = {
    format: 'facegraph-gallery',
    version: 1,
    model: { name, revision, dimensions, weights: readRecord(name)?.files ?? {} },
    gallery: fieldsOf(GalleryFields, gallery),
    counts,
  };
  const checksums: Checksums = {
    'manifest.json': await writeDocument(spool, 'manifest.json', manifest),
    'identities.jsonl': await identities.end(),
    'faces.jsonl': await faces.end(),
    'embeddings.f16': await embeddings.end(),
  };
  await writeDocument(spool, 'checksums.json', checksums);
  return { gallery, counts, images };
}

// One at a time: each may have megabytes.
async function writeImages(
  tx: Prisma.TransactionClient,
  galleryId: string,
  spool: Spool,
): Promise<ImageMember[]> {
  const members: ImageMember[] = [];
  for (let after = ''; ; ) {
    const image = await tx.storedImage.findFirst({
      where: { galleryId, hash: { gt: after } },
      orderBy: { hash: 'asc' },
    });
    if (!image) return members;
    after = image.hash;
    members.push(`images/${image.hash}`);
    const file = await spool.create(`images/${image.hash}`);
    await file.write(image.bytes);
    await file.end();
  }
}

async function* identityPages(tx: Prisma.TransactionClient, galleryId: string) {
  for (let after = ''; ; ) {
    const page = await tx.identity.findMany({
      where: { galleryId, id: { gt: after } },
      omit: { template: true },
      orderBy: { id: 'asc' },
      take: PAGE,
    });
    if (page.length === 0) return;
    after = page[page.length - 1].id;
    yield page;
  }
}

// A person's faces lie together, so that an import needs those of one person at a time.
async function* facePages(tx: Prisma.TransactionClient, people: readonly { id: string }[]) {
  const identityId = { in: people.map(({ id }) => id) };
  for (let after = { identityId: '', id: '' }; ; ) {
    const page = await tx.face.findMany({
      where: {
        identityId,
        OR: [
          { identityId: { gt: after.identityId } },
          { identityId: after.identityId, id: { gt: after.id } },
        ],
      },
      orderBy: [{ identityId: 'asc' }, { id: 'asc' }],
      take: PAGE,
    });
    const last = page.at(-1);
    if (!last) return;
    after = { identityId: last.identityId!, id: last.id };
    yield page;
  }
}

async function* unassignedPages(tx: Prisma.TransactionClient, galleryId: string) {
  for (let after = ''; ; ) {
    const page = await tx.face.findMany({
      where: { galleryId, identityId: null, id: { gt: after } },
      orderBy: { id: 'asc' },
      take: PAGE,
    });
    if (page.length === 0) return;
    after = page[page.length - 1].id;
    yield page;
  }
}

async function embeddingsOf(
  tx: Prisma.TransactionClient,
  gallery: Gallery,
  page: readonly { id: string }[],
): Promise<Float32Array[]> {
  const ids = page.map(({ id }) => id);
  const rows = await rowsOf(tx, gallery, ids);
  const found = new Map(rows.map(({ faceId, embedding }) => [faceId, embedding]));
  return ids.map((id) => {
    const embedding = found.get(id);
    if (!embedding)
      throw new FacegraphError('ModelMismatch', `face ${id} has no embedding by ${gallery.model}`);
    return embedding;
  });
}

function lines(schema: z.ZodObject, rows: readonly object[]): Uint8Array {
  return Buffer.from(rows.map((row) => `${JSON.stringify(fieldsOf(schema, row))}\n`).join(''));
}

// The columns that a schema names; dates become text as JSON makes them.
function fieldsOf<T>(schema: z.ZodObject & z.ZodType<T>, row: object): T {
  const wanted = Object.entries(row).filter(([name]) => name in schema.shape);
  return JSON.parse(JSON.stringify(Object.fromEntries(wanted)));
}

async function writeDocument(spool: Spool, name: Member, value: object): Promise<string> {
  const file = await spool.create(name);
  await file.write(Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
  return file.end();
}
