import type { Embedder } from '../../engine/engine.ts';
import { decodeImage } from '../../engine/image/decode.ts';
import { FacegraphError } from '../../errors.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { changeFaces } from '../gallery/changes.ts';
import { faceFromRow, maskColumns } from '../gallery/faceRow.ts';
import { findGallery } from '../gallery/store.ts';
import { type MaskTemplate, maskTemplates } from '../masks/templates.ts';
import { inLanes } from './lanes.ts';
import { advance, announceJob } from './queue.ts';
import { isPassing, type Work } from './work.ts';

/** One picture is decoded and drawn on while the GPU has the other. */
const LANES = 2;

/**
 * Makes a job that draws masks on the stored photographs of a gallery, if there are faces without; in a
 * transaction that has the gallery to itself.
 * @param keyId the key that asks for it.
 */
export async function queueMaskDrawing(
  tx: Prisma.TransactionClient,
  galleryId: string,
  keyId: string,
): Promise<void> {
  const [{ total }] = await tx.$queryRaw<{ total: number }[]>`
    SELECT count(*)::int AS "total" FROM "Face" face
    JOIN "Gallery" g ON g."id" = face."galleryId"
    JOIN "StoredImage" i ON i."galleryId" = face."galleryId" AND i."hash" = face."imageHash"
    WHERE g."id" = ${galleryId} AND NOT EXISTS (
      SELECT 1 FROM "MaskEmbedding" m WHERE m."faceId" = face."id" AND m."model" = g."model")`;
  if (total === 0) return;
  const { id } = await tx.job.create({
    data: { kind: 'DRAW_MASKS', state: 'QUEUED', galleryId, keyId, total, input: {} },
  });
  await announceJob(tx, id);
}

/**
 * Embeds the faces of a gallery under drawn masks, photograph by photograph; they are found so at once.
 * It ends when the gallery has no masked templates any more.
 * @throws LeaseLost, and FacegraphError `GalleryNotFound`, `ModelUnavailable`, `ModelMismatch`.
 */
export async function runMaskDrawing(work: Work): Promise<void> {
  const { service, job, signal } = work;
  const { model } = await findGallery(service, { id: job.galleryId });
  const embedder = await service.engine.embedder(model);
  const next = photographsToDo(work, model);
  await inLanes(LANES, next, (hash) => drawOn(work, embedder, hash), signal);
}

/** The photographs of faces without drawn masks, one after another. */
function photographsToDo({ service: { db }, job: { galleryId } }: Work, model: string) {
  let after = '';
  return async (): Promise<string | undefined> => {
    const [next] = await db.$queryRaw<{ hash: string }[]>`
      SELECT i."hash" FROM "StoredImage" i
      JOIN "Gallery" g ON g."id" = i."galleryId" AND g."maskedTemplates"
      WHERE i."galleryId" = ${galleryId} AND i."hash" > ${after} AND EXISTS (
        SELECT 1 FROM "Face" face
        WHERE face."galleryId" = i."galleryId" AND face."imageHash" = i."hash" AND NOT EXISTS (
          SELECT 1 FROM "MaskEmbedding" m WHERE m."faceId" = face."id" AND m."model" = ${model}))
      ORDER BY i."hash" LIMIT 1`;
    after = next?.hash ?? after;
    return next?.hash;
  };
}

async function drawOn(work: Work, embedder: Embedder, imageHash: string): Promise<void> {
  const { service, job } = work;
  const { db } = service;
  const { galleryId } = job;
  const { model } = embedder;
  const faces = await db.face.findMany({
    where: { galleryId, imageHash, maskEmbeddings: { none: { model } } },
    orderBy: { id: 'asc' },
  });
  const stored = await db.storedImage.findUnique({
    where: { galleryId_hash: { galleryId, hash: imageHash } },
  });
  // Both may have been deleted meanwhile.
  if (faces.length === 0 || !stored) return;
  const made = new Map<string, MaskTemplate[]>();
  try {
    const image = await decodeImage(stored.bytes);
    for (const face of faces)
      made.set(face.id, await maskTemplates(embedder, image, faceFromRow(face)));
  } catch (error) {
    if (!(error instanceof FacegraphError) || isPassing(error)) throw error;
    work.log(error);
    await db.$transaction((tx) => advance(tx, job, { refused: faces.length }));
    return;
  }
  await changeFaces(service, galleryId, async (tx, touched, now) => {
    if (now.model !== model)
      throw new FacegraphError('ModelMismatch', 'the gallery changed its model meanwhile');
    await advance(tx, job, { done: faces.length });
    if (!now.maskedTemplates) return;
    const there = await tx.face.findMany({
      where: { id: { in: [...made.keys()] } },
      select: { id: true },
    });
    const data = there.flatMap(({ id: faceId }) =>
      maskColumns(model, made.get(faceId)!).map((columns) => ({ faceId, ...columns })),
    );
    // Another job may have been there before.
    await tx.maskEmbedding.createMany({ data, skipDuplicates: true });
    for (const { id } of there) touched.faces.add(id);
  });
}
