import type { Embedder } from '../../engine/engine.ts';
import type { Face as DetectedFace, Point } from '../../engine/face.ts';
import { decodeImage, STORED_LIMITS } from '../../engine/image/decode.ts';
import { FacegraphError } from '../../errors.ts';
import type { Face, Prisma } from '../../generated/prisma/client.ts';
import { voidCalibrations } from '../calibration/gallery.ts';
import { violates } from '../database/violates.ts';
import { changeFaces } from '../gallery/changes.ts';
import { transact } from '../gallery/once.ts';
import { findGallery, type GalleryBy } from '../gallery/store.ts';
import { refreshTemplates } from '../gallery/template.ts';
import { toBytes } from '../gallery/vector.ts';
import type { ReembedInput } from './input.ts';
import { inLanes } from './lanes.ts';
import { ACTIVE, advance, announceJob, finishJob } from './queue.ts';
import { isPassing, type JobService, type Work } from './work.ts';

/** One picture is decoded while the GPU has the other. */
const LANES = 2;
/** How long the change may take: every embedding is read for the templates. */
const SWITCH_MS = 600_000;

/**
 * Makes a job that moves a gallery to another model, which serves the old one until all is done.
 * @param keyId the key that asks for it.
 * @throws FacegraphError `GalleryNotFound`; `ImagesMissing` when faces cannot be embedded anew and
 *   shall not be dropped; `ModelUnavailable`; `InvalidInput` for a model that is not known, the
 *   gallery's own, and while such a job is under way.
 */
export async function reembed(
  service: JobService,
  keyId: string,
  by: GalleryBy,
  input: ReembedInput,
): Promise<{ id: string }> {
  const { engine, jobs } = service;
  const { id: galleryId } = await findGallery(service, by);
  await engine.embedder(input.model);
  const made = await transact(service, async (tx) => {
    // Locked, so that of two who ask at once one is refused.
    await tx.$queryRaw`SELECT 1 FROM "Gallery" WHERE "id" = ${galleryId} FOR UPDATE`;
    const gallery = await findGallery({ ...service, db: tx }, { id: galleryId });
    if (gallery.model === input.model)
      throw new FacegraphError('InvalidInput', `${input.model} is the gallery's model already`);
    const state = { in: [...ACTIVE] };
    if (await tx.job.findFirst({ where: { galleryId, kind: 'REEMBED', state } }))
      throw new FacegraphError('InvalidInput', 'the gallery is being embedded anew already');
    return queueReembedding(tx, galleryId, keyId, input);
  });
  jobs.wake();
  return made;
}

/** Makes such a job in a transaction that has the gallery to itself. @throws FacegraphError `ImagesMissing`. */
export async function queueReembedding(
  tx: Prisma.TransactionClient,
  galleryId: string,
  keyId: string,
  input: ReembedInput,
): Promise<{ id: string }> {
  if (!input.dropFacesWithoutImage) await expectImages(tx, galleryId);
  const total = await tx.face.count({ where: { galleryId } });
  const job = await tx.job.create({
    data: { kind: 'REEMBED', state: 'QUEUED', galleryId, keyId, total, input: { ...input } },
  });
  await announceJob(tx, job.id);
  return { id: job.id };
}

/**
 * Embeds the faces of a gallery by the job's model beside the old embeddings, then changes the
 * gallery to it and ends the job in one transaction.
 * @throws LeaseLost, and FacegraphError `ImagesMissing`, `GalleryNotFound`, `ModelUnavailable`.
 */
export async function runReembedding(work: Work): Promise<void> {
  const { service, job, signal } = work;
  const { model } = job.input as unknown as ReembedInput;
  const embedder = await service.engine.embedder(model);
  // Photographs that give nothing; they count as missing.
  const unusable = new Set<string>();
  // Faces may be enrolled meanwhile, by the old model: then there is another round.
  for (let done = false; !done && !signal.aborted; ) {
    await inLanes(
      LANES,
      photographsToDo(work, model),
      (hash) => embedFaces(work, embedder, hash, unusable),
      signal,
    );
    done = signal.aborted || (await switchModel(work, unusable));
  }
}

/** The photographs of faces that lack an embedding, one after another. */
function photographsToDo({ service: { db }, job: { galleryId } }: Work, model: string) {
  let after = '';
  return async (): Promise<string | undefined> => {
    const [next] = await db.$queryRaw<{ hash: string }[]>`
      SELECT face."imageHash" AS "hash" FROM "Face" face
      WHERE face."galleryId" = ${galleryId} AND face."imageHash" > ${after}
        AND NOT EXISTS (SELECT 1 FROM "Embedding" e WHERE e."faceId" = face."id" AND e."model" = ${model})
        AND EXISTS (SELECT 1 FROM "StoredImage" i WHERE i."galleryId" = face."galleryId" AND i."hash" = face."imageHash")
      ORDER BY face."imageHash" LIMIT 1`;
    after = next?.hash ?? after;
    return next?.hash;
  };
}

async function embedFaces(
  { service: { db }, job, log }: Work,
  embedder: Embedder,
  imageHash: string,
  unusable: Set<string>,
): Promise<void> {
  const { galleryId } = job;
  const { model } = embedder;
  const faces = await db.face.findMany({
    where: { galleryId, imageHash, embeddings: { none: { model } } },
    orderBy: { id: 'asc' },
  });
  const stored = await db.storedImage.findUnique({
    where: { galleryId_hash: { galleryId, hash: imageHash } },
  });
  // Both may have been deleted meanwhile.
  if (faces.length === 0 || !stored) return;
  let vectors: Float32Array[];
  try {
    vectors = await embedder.embed(
      await decodeImage(stored.bytes, STORED_LIMITS),
      faces.map(detected),
    );
  } catch (error) {
    if (!(error instanceof FacegraphError) || isPassing(error)) throw error;
    log(error);
    unusable.add(imageHash);
    return;
  }
  const data = faces.map(({ id: faceId }, i) => ({ faceId, model, vector: toBytes(vectors[i]) }));
  await db
    .$transaction(async (tx) => {
      // In the order in which a deletion of the gallery locks: gallery, job, embeddings.
      await tx.$queryRaw`SELECT 1 FROM "Gallery" WHERE "id" = ${galleryId} FOR KEY SHARE`;
      await advance(tx, job, { done: data.length });
      await tx.embedding.createMany({ data });
    })
    .catch((error) => {
      // One of the faces was deleted meanwhile: the next round finds what is left.
      if (!violates(error, 'P2003')) throw error;
    });
}

/** False when there is more to embed. */
function switchModel({ service, job }: Work, unusable: ReadonlySet<string>): Promise<boolean> {
  const { model, dropFacesWithoutImage } = job.input as unknown as ReembedInput;
  const { galleryId } = job;
  return changeFaces(
    service,
    galleryId,
    async (tx, touched) => {
      await advance(tx, job, {});
      const lacking = await facesLacking(tx, galleryId, model);
      // Faces came and went since the job was made.
      const { done } = await tx.job.findUniqueOrThrow({ where: { id: job.id } });
      await tx.job.update({ where: { id: job.id }, data: { total: done + lacking.length } });
      if (lacking.some(({ hash, stored }) => stored && !unusable.has(hash))) return false;
      if (lacking.length > 0 && !dropFacesWithoutImage) throw imagesMissing(lacking.length);
      for (const { id } of lacking) touched.faces.add(id);
      await tx.face.deleteMany({ where: { galleryId, embeddings: { none: { model } } } });
      await advance(tx, job, { refused: lacking.length });
      // The gallery's own threshold was a distance of the old model.
      await tx.gallery.update({ where: { id: galleryId }, data: { model, threshold: null } });
      await voidCalibrations(tx, galleryId);
      await tx.embedding.deleteMany({ where: { model: { not: model }, face: { galleryId } } });
      await refreshTemplates(tx, galleryId, model);
      await finishJob(tx, job, { state: 'DONE' });
      return true;
    },
    SWITCH_MS,
  );
}

function facesLacking(
  tx: Prisma.TransactionClient,
  galleryId: string,
  model: string,
): Promise<{ id: string; hash: string; stored: boolean }[]> {
  return tx.$queryRaw`
    SELECT face."id", face."imageHash" AS "hash", i."hash" IS NOT NULL AS "stored"
    FROM "Face" face
    LEFT JOIN "StoredImage" i ON i."galleryId" = face."galleryId" AND i."hash" = face."imageHash"
    LEFT JOIN "Embedding" e ON e."faceId" = face."id" AND e."model" = ${model}
    WHERE face."galleryId" = ${galleryId} AND e."faceId" IS NULL`;
}

async function expectImages(tx: Prisma.TransactionClient, galleryId: string): Promise<void> {
  const [{ missing }] = await tx.$queryRaw<{ missing: number }[]>`
    SELECT count(*)::int AS "missing" FROM "Face" face
    WHERE face."galleryId" = ${galleryId} AND NOT EXISTS (
      SELECT 1 FROM "StoredImage" i WHERE i."galleryId" = face."galleryId" AND i."hash" = face."imageHash")`;
  if (missing > 0) throw imagesMissing(missing);
}

function imagesMissing(faces: number): FacegraphError {
  return new FacegraphError(
    'ImagesMissing',
    `${faces} ${faces === 1 ? 'face has' : 'faces have'} no usable stored photograph`,
    { faces },
  );
}

function detected({ box: [x, y, width, height], landmarks, confidence }: Face): DetectedFace {
  const point = (i: number): Point => [landmarks[2 * i], landmarks[2 * i + 1]];
  const [leftEye, rightEye, nose, mouthLeft, mouthRight] = [0, 1, 2, 3, 4].map(point);
  return {
    box: [x, y, width, height],
    confidence,
    landmarks: { leftEye, rightEye, nose, mouthLeft, mouthRight },
  };
}
