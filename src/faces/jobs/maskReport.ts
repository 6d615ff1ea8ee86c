import type { Embedder } from '../../engine/engine.ts';
import { FacegraphError } from '../../errors.ts';
import type { Gallery } from '../../generated/prisma/client.ts';
import { currentFingerprint, fingerprint } from '../calibration/fingerprint.ts';
import { lockMeasured, ownedFaces } from '../calibration/gallery.ts';
import { transact } from '../gallery/once.ts';
import { findGallery, type GalleryBy } from '../gallery/store.ts';
import { toBytes } from '../gallery/vector.ts';
import { type Aside, openAside } from '../maskReport/aside.ts';
import { drawnFaces, subjectsOf } from '../maskReport/compared.ts';
import { type Drawn, lookUnderMasks } from '../maskReport/look.ts';
import { storeMaskReport } from '../maskReport/report.ts';
import { chooseMasked, supplyOf } from '../maskReport/sample.ts';
import { finestFmr } from '../statistics/errorRates.ts';
import type { MaskReportInput } from './input.ts';
import { inLanes } from './lanes.ts';
import { advance, announceJob, finishJob } from './queue.ts';
import { isPassing, type JobService, type Work } from './work.ts';

/** One picture is decoded and drawn on while the GPU has the other. */
const LANES = 2;
/** The most generous rate that thresholds are fixed at. */
const COARSEST = 0.1;

/**
 * Makes a job that finds out what masks cost in a gallery: it draws them on the stored photographs.
 * @param keyId the key that asks for it.
 * @throws FacegraphError `GalleryNotFound`, `ModelMismatch` for a past revision of its model,
 *   `ImagesMissing` where the gallery keeps no photographs, `TooFewFaces`.
 */
export async function maskReport(
  service: JobService,
  keyId: string,
  by: GalleryBy,
  asked: Omit<MaskReportInput, 'fingerprint'>,
): Promise<{ id: string }> {
  const gallery = await findGallery(service, by);
  const input: MaskReportInput = { ...asked, fingerprint: currentFingerprint(gallery.model) };
  await expectEnough(service, gallery);
  const made = await transact(service, async (tx) => {
    const { id } = await tx.job.create({
      data: {
        kind: 'MASK_REPORT',
        state: 'QUEUED',
        galleryId: gallery.id,
        keyId,
        input: { ...input },
      },
    });
    await announceJob(tx, id);
    return { id };
  });
  service.jobs.wake();
  return made;
}

/**
 * Looks for the faces of the sample under their masks, those that are left to do, then stores the report
 * and ends the job in one transaction.
 * @throws LeaseLost, and FacegraphError `TooFewFaces`, `GalleryNotFound`, `ModelUnavailable`,
 *   `ModelMismatch`.
 */
export async function runMaskReport(work: Work): Promise<void> {
  const { service, job, signal } = work;
  const input = job.input as unknown as MaskReportInput;
  const gallery = await findGallery(service, { id: job.galleryId });
  if (fingerprint(gallery.model) !== input.fingerprint) {
    const error = 'the gallery was embedded anew, or its model changed: ask for another report';
    return service.db.$transaction((tx) => finishJob(tx, job, { state: 'FAILED', error }));
  }
  const embedder = await service.engine.embedder(gallery.model);
  if (job.total === 0) await chooseSample(work, input.seed);
  const aside = openAside();
  try {
    const draw = (hash: string) => drawOn(work, { embedder, aside }, hash, input.seed);
    await inLanes(LANES, photographsToDo(work), draw, signal);
    await finish(work, aside, gallery, input);
  } finally {
    // Not waited for: whoever stops need not wait for figures that nobody will read.
    aside.close().catch(work.log);
  }
}

async function chooseSample({ service: { db }, job }: Work, seed: number): Promise<void> {
  const chosen = chooseMasked(await ownedFaces(db, job.galleryId, 'stored'), seed);
  const ids = chosen.map(({ faceId }) => faceId);
  await db.$transaction(async (tx) => {
    await advance(tx, job, {});
    // Locked, so that none of them is deleted before this is done.
    const total = await tx.$executeRaw`
      INSERT INTO "MaskedFace" ("jobId", "place", "faceId")
      SELECT ${job.id}, array_position(${ids}::text[], "id"), "id" FROM "Face"
      WHERE "id" = ANY(${ids}) FOR KEY SHARE`;
    await tx.job.update({ where: { id: job.id }, data: { total } });
  });
}

/** The photographs of faces that are left to do, one after another. */
function photographsToDo({ service: { db }, job }: Work) {
  let after = '';
  return async (): Promise<string | undefined> => {
    const [next] = await db.$queryRaw<{ hash: string }[]>`
      SELECT face."imageHash" AS "hash" FROM "MaskedFace" m JOIN "Face" face ON face."id" = m."faceId"
      WHERE m."jobId" = ${job.id} AND NOT m."drawn" AND face."imageHash" > ${after}
      ORDER BY face."imageHash" LIMIT 1`;
    after = next?.hash ?? after;
    return next?.hash;
  };
}

async function drawOn(
  work: Work,
  by: { readonly embedder: Embedder; readonly aside: Aside },
  hash: string,
  seed: number,
): Promise<void> {
  const { service, job, log } = work;
  const { db } = service;
  const { galleryId } = job;
  const todo = await db.maskedFace.findMany({
    where: { jobId: job.id, drawn: false, face: { imageHash: hash } },
    select: { place: true, faceId: true },
  });
  let drawn: Drawn[] | null = null;
  try {
    drawn = await lookUnderMasks(service, by, { galleryId, hash, seed }, todo);
  } catch (error) {
    if (!(error instanceof FacegraphError) || isPassing(error)) throw error;
    log(error);
  }
  await db.$transaction(async (tx) => {
    // In the order in which a deletion of the gallery locks: gallery, job, faces.
    await tx.$queryRaw`SELECT 1 FROM "Gallery" WHERE "id" = ${galleryId} FOR KEY SHARE`;
    if (!drawn) {
      await advance(tx, job, { refused: todo.length });
      const places = todo.map(({ place }) => place);
      await tx.maskedFace.deleteMany({ where: { jobId: job.id, place: { in: places } } });
      return;
    }
    await advance(tx, job, { done: drawn.length });
    for (const { place, mask, embedding } of drawn)
      await tx.maskedFace.updateMany({
        where: { jobId: job.id, place },
        data: { drawn: true, mask, vector: embedding && toBytes(embedding) },
      });
  });
}

async function finish(
  { service: { db }, job, signal }: Work,
  aside: Aside,
  gallery: Gallery,
  { seed, fmr, fingerprint: made }: MaskReportInput,
): Promise<void> {
  if (signal.aborted) return;
  const faces = await drawnFaces(db, gallery, job.id);
  const subjects = subjectsOf(faces);
  const figures = await Promise.race([
    aside.figures({ subjects, seed, fmr }),
    new Promise<undefined>((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    ),
  ]);
  if (figures === undefined) return;
  if (figures === null) {
    const probes = subjects.reduce((sum, one) => sum + one.probes.length, 0);
    throw tooFew(subjects.length, probes);
  }
  await db.$transaction(async (tx) => {
    await lockMeasured(tx, gallery.id, gallery.model);
    await storeMaskReport(tx, {
      galleryId: gallery.id,
      model: gallery.model,
      fingerprint: made,
      seed,
      fmrAsked: fmr,
      identities: subjects.length,
      faces: faces.length,
      lost: faces.filter(({ masked }) => !masked).length,
      figures,
    });
    await finishJob(tx, job, { state: 'DONE' });
  });
}

async function expectEnough({ db }: JobService, { id, keepImages }: Gallery): Promise<void> {
  if (!keepImages)
    throw new FacegraphError(
      'ImagesMissing',
      'the gallery keeps no photographs, which masks are drawn on: set keepImages and enrol again',
    );
  const { people, probes } = await supplyOf(db, id);
  if (finestFmr(impostors(people, probes)) > COARSEST) throw tooFew(people, probes);
}

function impostors(people: number, probes: number): number {
  return probes * Math.max(0, people - 1);
}

function tooFew(people: number, probes: number): FacegraphError {
  return new FacegraphError(
    'TooFewFaces',
    `${people} people with ${probes} stored photographs beside their first make ${impostors(people, probes)} impostor pairs: it takes ${3 / COARSEST}`,
  );
}
