import { currentModel } from '../../engine/weights/revision.ts';
import { FacegraphError } from '../../errors.ts';
import { measureGallery, storeCalibration } from '../calibration/gallery.ts';
import { transact } from '../gallery/once.ts';
import { findGallery, type GalleryBy } from '../gallery/store.ts';
import type { CalibrateInput } from './input.ts';
import { announceJob, finishJob, report } from './queue.ts';
import type { JobService, Work } from './work.ts';

/** Faces between two reports; those compared in one go divide it. */
const REPORT_EVERY = 160;

/**
 * Makes a job that calibrates a gallery: it finds out what distances mean by comparing the gallery's
 * own faces. What is in force stays so until it is done.
 * @param keyId the key that asks for it.
 * @throws FacegraphError `GalleryNotFound`, `ModelMismatch` for a past revision of its model. Whether the
 *   faces suffice shows the job.
 */
export async function calibrate(
  service: JobService,
  keyId: string,
  by: GalleryBy,
  input: CalibrateInput,
): Promise<{ id: string }> {
  const { id: galleryId, model } = await findGallery(service, by);
  currentModel(model);
  const made = await transact(service, async (tx) => {
    const { id } = await tx.job.create({
      data: { kind: 'CALIBRATE', state: 'QUEUED', galleryId, keyId, input: { ...input } },
    });
    await announceJob(tx, id);
    return { id };
  });
  service.jobs.wake();
  return made;
}

/**
 * Calibrates the job's gallery, and ends the job in the transaction that puts the calibration in force.
 * @throws LeaseLost, and FacegraphError `TooFewFaces`, `GalleryNotFound`, `ModelMismatch`.
 */
export async function runCalibration({ service, job, signal }: Work): Promise<void> {
  const { db } = service;
  const { galleryId } = job;
  const { seed } = job.input as unknown as CalibrateInput;
  const gallery = await findGallery(service, { id: galleryId });
  const measured = measureGallery(db, gallery, seed, async (done, total) => {
    signal.throwIfAborted();
    if (done % REPORT_EVERY === 0 || done === total) await report(db, job, { done, total });
  });
  const made = await measured.catch(async (error) => {
    if (signal.aborted) return;
    const now = await findGallery(service, { id: galleryId });
    // Then its old embeddings are gone, which looks like a gallery without faces.
    if (now.model !== gallery.model)
      throw new FacegraphError('ModelMismatch', 'the gallery was embedded anew meanwhile');
    throw error;
  });
  if (!made) return;
  await db.$transaction(async (tx) => {
    await storeCalibration(tx, galleryId, made);
    await finishJob(tx, job, { state: 'DONE' });
  });
}
