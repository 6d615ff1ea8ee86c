import { readFile } from 'node:fs/promises';
import { v7 as uuid } from 'uuid';
import { readRecord } from '../../engine/weights/record.ts';
import { type ModelId, modelId } from '../../engine/weights/revision.ts';
import { FacegraphError } from '../../errors.ts';
import { type Gallery, Prisma } from '../../generated/prisma/client.ts';
import { violates } from '../database/violates.ts';
import { enterGallery } from '../gallery/changes.ts';
import type { Service } from '../gallery/galleries.ts';
import { keepImage } from '../gallery/images.ts';
import { apartness, outlierThreshold, template } from '../gallery/template.ts';
import { named } from '../gallery/text.ts';
import { toBytes } from '../gallery/vector.ts';
import { queueReembedding } from '../jobs/reembed.ts';
import { invalid, type Manifest } from './format.ts';
import { type Person, people } from './records.ts';
import { openSpool, type Spool } from './spool.ts';
import { recordTransfer } from './transfers.ts';
import { unpack } from './unpack.ts';

/** How a bundle is imported. */
export interface ImportOptions {
  /** The key that asks for it, for the audit. */
  readonly keyId: string;
  /** The gallery's name, instead of the one it had. */
  readonly name?: string;
  /** Gives gallery, identities and faces new ids, so that the bundle may be there twice. */
  readonly newIds?: boolean;
  /** The model that the gallery is to have: when it is another, a job embeds the photographs anew. */
  readonly model?: string;
}

/** A gallery that came out of a bundle. */
export interface Imported {
  readonly gallery: Gallery;
  readonly identities: number;
  readonly faces: number;
  readonly images: number;
  /** The job that embeds it anew; null where its model is the one wanted. */
  readonly jobId: string | null;
}

/** Faces that are written at once. */
const PAGE = 1000;
// About 1,000 faces per second go into PGlite, 1,500 into a server.
const TIMEOUT_MS = 3_600_000;

/**
 * Makes a gallery out of a bundle, whole or not at all.
 * @throws FacegraphError `BundleInvalid` with the reason, `ModelMismatch` for another model or other
 *   weights than here, `ModelUnavailable`, `ImagesMissing` where another model is wanted and faces have no photograph in the bundle, `NameTaken`, `IdTaken`, `Forbidden` for a service that is
 *   bound to galleries.
 */
export async function importBundle(
  service: Service,
  source: AsyncIterable<Uint8Array>,
  { keyId, name, newIds = false, model }: ImportOptions,
): Promise<Imported> {
  if (service.galleries)
    throw new FacegraphError('Forbidden', 'a key that is bound to galleries makes no others');
  const spool = await openSpool();
  try {
    const { manifest, images } = await unpack(source, spool);
    if (images.length > 0 && !manifest.gallery.keepImages)
      throw invalid('it has photographs of a gallery that keeps none');
    const own = idOfModel(manifest);
    const wanted = model === own ? undefined : model;
    await checkModel(service, manifest, own, wanted);
    const idOf = newIds ? () => uuid() : (id: string) => id;
    const data = {
      ...manifest.gallery,
      qualityLimits: manifest.gallery.qualityLimits ?? Prisma.DbNull,
      id: idOf(manifest.gallery.id),
      name: named(name ?? manifest.gallery.name),
      model: own,
    };
    await checkFree(service, data);
    let jobId: string | null = null;
    const fill = async (tx: Prisma.TransactionClient, gallery: Gallery) => {
      for await (const page of pages(people(spool, manifest)))
        await insert(tx, gallery, page, idOf);
      await insertImages(tx, gallery, spool, images);
      const transfer = { direction: 'IMPORT', keyId, galleryId: gallery.id } as const;
      await recordTransfer(tx, { ...transfer, ...manifest.counts });
      if (wanted === undefined) return;
      const input = { model: wanted, dropFacesWithoutImage: false };
      jobId = (await queueReembedding(tx, gallery.id, keyId, input)).id;
    };
    const gallery = await enterGallery(service, data, fill, TIMEOUT_MS).catch((error) => {
      throw violates(error, 'P2002') ? meanwhile() : error;
    });
    return { gallery, ...manifest.counts, jobId };
  } finally {
    await spool.remove();
  }
}

function idOfModel({ model: { name, revision } }: Manifest): ModelId {
  try {
    return modelId(name, revision);
  } catch {
    throw new FacegraphError('ModelMismatch', `the bundle is by ${name}, not known here`);
  }
}

async function checkModel(
  { engine }: Service,
  { model }: Manifest,
  own: ModelId,
  wanted: ModelId | undefined,
): Promise<void> {
  if (wanted !== undefined) await engine.embedder(wanted);
  const embedder = await engine.embedder(own).catch((error) => {
    // The gallery can wait for its new model without the old one.
    const passing = ['ModelUnavailable', 'ModelMismatch'];
    if (wanted === undefined || !(error instanceof FacegraphError)) throw error;
    if (!passing.includes(error.code)) throw error;
  });
  if (embedder && model.dimensions !== embedder.dimensions && model.dimensions !== 0)
    throw new FacegraphError(
      'ModelMismatch',
      `the bundle has embeddings of ${model.dimensions} values, ${model.name} makes ${embedder.dimensions}`,
    );
  const ours = readRecord(model.name)?.files ?? {};
  // Files of other names are another publication of the same weights.
  const other = Object.keys(ours).find((f) => f in model.weights && model.weights[f] !== ours[f]);
  if (other)
    throw new FacegraphError('ModelMismatch', `the bundle is by other weights: ${other} differs`);
}

async function checkFree({ db }: Service, { id, name }: { id: string; name: string }) {
  const there = await db.gallery.findFirst({ where: { OR: [{ id }, { name }] } });
  if (there?.name === name)
    throw new FacegraphError('NameTaken', `there is a gallery ${name} already`);
  if (there) throw idTaken('gallery', id);
}

// As many people as have PAGE faces together, or are PAGE themselves.
async function* pages(all: AsyncIterable<Person>): AsyncGenerator<Person[]> {
  let page: Person[] = [];
  let faces = 0;
  for await (const person of all) {
    page.push(person);
    faces += person.faces.length;
    if (page.length < PAGE && faces < PAGE) continue;
    yield page;
    [page, faces] = [[], 0];
  }
  if (page.length > 0) yield page;
}

async function insert(
  tx: Prisma.TransactionClient,
  gallery: Gallery,
  page: readonly Person[],
  idOf: (id: string) => string,
): Promise<void> {
  const { id: galleryId, model } = gallery;
  const identities: Prisma.IdentityCreateManyInput[] = [];
  const faces: Prisma.FaceCreateManyInput[] = [];
  const embeddings: Prisma.EmbeddingCreateManyInput[] = [];
  for (const person of page) {
    const identityId = person.identity && idOf(person.identity.id);
    let apart: readonly (number | null)[] = [];
    if (person.identity && identityId) {
      const theirs = person.faces.map(({ embedding }) => embedding);
      const made = template(theirs, outlierThreshold(gallery));
      apart = apartness(theirs, outlierThreshold(gallery));
      identities.push({
        ...person.identity,
        id: identityId,
        galleryId,
        template: made ? toBytes(made) : null,
      });
    }
    for (const [i, { face, embedding }] of person.faces.entries()) {
      const faceId = idOf(face.id);
      faces.push({ ...face, id: faceId, identityId, galleryId, apart: apart[i] });
      embeddings.push({ faceId, model, vector: toBytes(embedding) });
    }
  }
  const among = (rows: readonly { id?: string }[]) => ({
    where: { id: { in: rows.map((row) => row.id!) } },
  });
  const identity = await tx.identity.findFirst(among(identities));
  if (identity) throw idTaken('identity', identity.id);
  const face = await tx.face.findFirst(among(faces));
  if (face) throw idTaken('face', face.id);
  try {
    await tx.identity.createMany({ data: identities });
    await tx.face.createMany({ data: faces });
  } catch (error) {
    throw violates(error, 'P2002')
      ? invalid('two identities have one external id, or two faces one place of one image')
      : error;
  }
  await tx.embedding.createMany({ data: embeddings });
}

async function insertImages(
  tx: Prisma.TransactionClient,
  gallery: Gallery,
  spool: Spool,
  images: readonly string[],
): Promise<void> {
  for (const hash of images)
    await keepImage(tx, gallery, hash, await readFile(spool.path(`images/${hash}`))).catch(
      (error) => {
        throw error instanceof FacegraphError ? invalid(`images/${hash}: ${error.message}`) : error;
      },
    );
  const [{ idle }] = await tx.$queryRaw<{ idle: number }[]>`
    SELECT count(*)::int AS "idle" FROM "StoredImage" i
    WHERE i."galleryId" = ${gallery.id} AND NOT EXISTS (
      SELECT 1 FROM "Face" f WHERE f."galleryId" = i."galleryId" AND f."imageHash" = i."hash")`;
  if (idle > 0) throw invalid(`${idle} of its photographs show no face of it`);
}

function idTaken(kind: string, id: string): FacegraphError {
  return new FacegraphError('IdTaken', `there is a ${kind} ${id} already: import with new ids`);
}

function meanwhile(): FacegraphError {
  return new FacegraphError(
    'NameTaken',
    'somebody else made a gallery of this name or id meanwhile',
  );
}
