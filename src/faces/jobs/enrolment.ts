import { createHash } from 'node:crypto';
import type { Embedder } from '../../engine/engine.ts';
import { decodeImage } from '../../engine/image/decode.ts';
import { FacegraphError } from '../../errors.ts';
import type { JobItem, Prisma } from '../../generated/prisma/client.ts';
import { changeFaces } from '../gallery/changes.ts';
import { chooseFace } from '../gallery/chooseFace.ts';
import { personColumns } from '../gallery/person.ts';
import { qualityLimits } from '../gallery/settings.ts';
import { findSimilar, type SimilarFace, similarFailure } from '../gallery/similar.ts';
import { findGallery, insertFace, insertIdentity, type NewFace } from '../gallery/store.ts';
import { insertUnknown } from '../gallery/unassigned.ts';
import { type QualityLimits, qualityFailure, refusalsOf } from '../quality/limits.ts';
import { embedProbe, faceProbeOf, measureProbe } from '../search/probe.ts';
import type { EnrolInput, ItemInput, PersonInput } from './input.ts';
import { inLanes } from './lanes.ts';
import { readImport } from './photographs.ts';
import { type Outcome, settleItem } from './queue.ts';
import { isPassing, type Work } from './work.ts';

/** One more than the threads that decode, so that the GPU finds its next picture decoded. */
const LANES = 3;
const ATTEMPTS = 3;

type Refusal = Extract<Outcome, { readonly code: string }>;

/** Failures that every other item would meet too. */
const CONCERNS_ALL: readonly string[] = ['GalleryNotFound', 'ModelUnavailable'];

/**
 * Enrols the photographs of a bulk job that are not settled yet, whoever settled the others.
 * @throws LeaseLost, and FacegraphError for what concerns the whole job: `GalleryNotFound`,
 *   `ModelUnavailable`.
 */
export async function runEnrolment(work: Work): Promise<void> {
  const { service, job, signal } = work;
  let position = -1;
  const next = async () => {
    const item = await service.db.jobItem.findFirst({
      where: { jobId: job.id, state: 'WAITING', position: { gt: position } },
      orderBy: { position: 'asc' },
    });
    position = item?.position ?? position;
    return item ?? undefined;
  };
  await inLanes(LANES, next, (item, turn) => settle(work, item, turn), signal);
}

async function settle(work: Work, item: JobItem, turn: Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const refused = await enrol(work, item, turn);
      if (refused)
        await work.service.db.$transaction((tx) =>
          settleItem(tx, work.job, item.position, refused),
        );
      return;
    } catch (error) {
      if (!isPassing(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

async function enrol(work: Work, item: JobItem, turn: Promise<void>): Promise<Refusal | undefined> {
  const { service, job } = work;
  const input = item.input as ItemInput;
  const { allowSimilar, unknown, dryRun } = job.input as EnrolInput;
  const gallery = await findGallery(service, { id: job.galleryId });
  const embedder = await service.engine.embedder(gallery.model);
  const limits = qualityLimits(gallery);
  const found = await extract(work, item, embedder, limits).catch((error) =>
    refusal(error, work.log),
  );
  // Of two photographs that are the same, or all but the same, the first one is enrolled.
  await turn;
  if ('code' in found) return found;
  try {
    const fresh = allowSimilar ? found : await withoutSimilar(service, gallery.id, found);
    if (dryRun) {
      await service.db.$transaction((tx) => settleItem(tx, job, item.position, { faceId: null }));
      return undefined;
    }
    await changeFaces(service, gallery.id, async (tx, touched, now) => {
      if (now.model !== gallery.model)
        throw new FacegraphError('ModelMismatch', 'the gallery changed its model meanwhile');
      if (unknown) {
        const { added, known } = await insertUnknown(tx, touched, now, fresh);
        if (added.length === 0) throw allKnown(known[0]);
        return settleItem(tx, job, item.position, { faceId: added[0] });
      }
      const person = await personOf(tx, gallery.id, input);
      const row = await insertFace(tx, now, person, fresh[0]);
      await settleItem(tx, job, item.position, { faceId: row.id });
      touched.faces.add(row.id);
      touched.identities.add(person.id);
    });
    return undefined;
  } catch (error) {
    // What else fails here fails for every item: the database's doing, not the photograph's.
    if (error instanceof FacegraphError) return refusal(error, work.log);
    throw error;
  }
}

/** The faces that are new to the gallery. @throws FacegraphError `DuplicateFace` when none is. */
async function withoutSimilar(
  service: Work['service'],
  galleryId: string,
  faces: readonly NewFace[],
): Promise<NewFace[]> {
  const embeddings = faces.map(({ embedding }) => embedding);
  const similar = await findSimilar(service, galleryId, embeddings);
  const fresh = faces.filter((_, i) => !similar[i]);
  if (fresh.length === 0) throw similarFailure(similar[0] as SimilarFace);
  return fresh;
}

function allKnown(faceId: string): FacegraphError {
  const message = 'every face of this photograph is enrolled already';
  return new FacegraphError('DuplicateFace', message, { faceId });
}

/** The face to be enrolled; of a photograph of nobody known, every face. */
async function extract(
  { service: { engine }, job, importDirectory }: Work,
  item: JobItem,
  embedder: Embedder,
  limits: QualityLimits | null,
): Promise<NewFace[]> {
  const { unknown } = job.input as EnrolInput;
  const { path } = item.input as ItemInput;
  const bytes = path === undefined ? item.payload! : await readImport(path, importDirectory);
  const image = await decodeImage(bytes);
  const hash = createHash('sha256').update(bytes).digest('hex');
  const probe = await faceProbeOf(engine, { image, bytes, hash });
  const faces = unknown ? probe.faces : [chooseFace(probe)];
  const qualities = measureProbe(probe, faces);
  // Faces of nobody known are not judged, as in `addUnknownFaces`.
  const [refusal] = unknown ? [] : refusalsOf(qualities[0], limits);
  if (refusal) throw qualityFailure(refusal);
  const embeddings = await embedProbe(embedder, probe, faces);
  return faces.map((face, i) => ({
    face,
    quality: qualities[i],
    imageHash: hash,
    bytes,
    embedding: embeddings[i],
    jobId: job.id,
  }));
}

/** The gallery is locked, so two items of one new person do not make two. */
async function personOf(
  tx: Prisma.TransactionClient,
  galleryId: string,
  { name, externalId }: PersonInput,
): Promise<{ id: string }> {
  const which = externalId ? { externalId } : { name: name! };
  const existing = await tx.identity.findFirst({
    where: { galleryId, ...which },
    orderBy: { id: 'asc' },
    select: { id: true },
  });
  const person = personColumns({ name: name ?? externalId!, externalId });
  return existing ?? insertIdentity(tx, galleryId, person);
}

function refusal(error: unknown, log: Work['log']): Refusal {
  if (!(error instanceof FacegraphError)) {
    log(error);
    return { code: 'Unexpected', message: 'Unexpected error.' };
  }
  if (isPassing(error) || CONCERNS_ALL.includes(error.code)) throw error;
  const { code, message, details } = error;
  const faceId = code === 'DuplicateFace' ? { faceId: String(details.faceId) } : {};
  return { code, message, ...faceId };
}
