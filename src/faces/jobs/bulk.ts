import { FacegraphError } from '../../errors.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { transact } from '../gallery/once.ts';
import { findGallery, type GalleryBy } from '../gallery/store.ts';
import { named } from '../gallery/text.ts';
import type { EnrolInput, ItemInput, PersonInput } from './input.ts';
import { type BulkPhotograph, type BulkSource, bulkPhotographs } from './photographs.ts';
import { announceJob } from './queue.ts';
import type { JobService } from './work.ts';

/** Photographs in one job. */
export const MAX_ITEMS = 50_000;

/** How the photographs are enrolled. */
export interface BulkOptions {
  /** Also takes faces of which the gallery has all but the same. */
  readonly allowSimilar?: boolean;
  /** Every face of every photograph is stored as nobody's, whatever the source says of people. */
  readonly unknown?: boolean;
  /** Looks at every photograph and says what would become of it; nothing is stored in the gallery. */
  readonly dryRun?: boolean;
}

/** Of items, held in memory before they are written. */
const BATCH_BYTES = 4_000_000;
const BATCH_ITEMS = 500;
/** How long a job may be without a new item before it counts as cut off; clocks may differ. */
const PATIENCE_MS = 600_000;

/** The job was cancelled, or deleted with its gallery, while it was received. */
class Withdrawn extends Error {}

/**
 * Makes a job that enrols many photographs. They are stored with it, except those of a directory, so
 * that any process can go on with it; what cannot be used is refused item by item.
 * @param keyId the key that asks for it.
 * @throws FacegraphError `GalleryNotFound`, `ModelUnavailable`, `InvalidInput` for a source that
 *   cannot be read, holds no photograph, or too many.
 */
export async function enrolInBulk(
  service: JobService,
  keyId: string,
  by: GalleryBy,
  source: BulkSource,
  options: BulkOptions = {},
): Promise<{ id: string }> {
  const { db, engine, jobs } = service;
  const gallery = await findGallery(service, by);
  await engine.embedder(gallery.model);
  const input: EnrolInput = {
    ...options,
    ...('directory' in source && { directory: source.directory }),
  };
  const { id } = await db.job.create({
    data: {
      kind: 'ENROL',
      state: 'RECEIVING',
      galleryId: gallery.id,
      keyId,
      input: { ...input },
      leaseUntil: soon(),
    },
  });
  const drop = () => db.job.deleteMany({ where: { id } });
  try {
    const received = await receive(service, id, source, options);
    const queued = await queue(service, id, received);
    // The same request was sent twice, and the other came first.
    if (queued.id !== id) await drop();
    jobs.wake();
    return queued;
  } catch (error) {
    if (!(error instanceof Withdrawn)) {
      await drop();
      throw error;
    }
  }
  if (!(await db.job.findUnique({ where: { id } })))
    throw new FacegraphError('GalleryNotFound', 'the gallery was deleted meanwhile');
  return { id };
}

async function receive(
  { db, jobs }: JobService,
  jobId: string,
  source: BulkSource,
  { unknown = false }: BulkOptions,
): Promise<{ total: number; refused: number }> {
  let total = 0;
  let refused = 0;
  let batch: Prisma.JobItemCreateManyInput[] = [];
  let bytes = 0;
  const flush = async () => {
    await db.$transaction(async (tx) => {
      await touch(tx, jobId, { leaseUntil: soon() });
      await tx.jobItem.createMany({ data: batch });
    });
    batch = [];
    bytes = 0;
  };
  for await (const photograph of bulkPhotographs(source, jobs.importDirectory)) {
    if (total === MAX_ITEMS)
      throw new FacegraphError('InvalidInput', `more than ${MAX_ITEMS} photographs in one job`);
    const item = { jobId, position: total++, ...itemOf(photograph, unknown) };
    if (item.state === 'REFUSED') refused++;
    batch.push(item);
    bytes += item.payload?.length ?? 0;
    if (bytes > BATCH_BYTES || batch.length === BATCH_ITEMS) await flush();
  }
  if (total === 0) throw new FacegraphError('InvalidInput', 'there is no photograph in it');
  await flush();
  return { total, refused };
}

function queue(
  service: JobService,
  id: string,
  counts: { total: number; refused: number },
): Promise<{ id: string }> {
  return transact(service, async (tx) => {
    await touch(tx, id, { ...counts, state: 'QUEUED', leaseUntil: null });
    await announceJob(tx, id);
    return { id };
  });
}

async function touch(
  tx: Prisma.TransactionClient,
  id: string,
  data: Prisma.JobUpdateManyMutationInput,
): Promise<void> {
  const { count } = await tx.job.updateMany({ where: { id, state: 'RECEIVING' }, data });
  if (count === 0) throw new Withdrawn();
}

function itemOf({ file, person, content }: BulkPhotograph, unknown: boolean) {
  const name = file.slice(-500);
  try {
    if (content instanceof FacegraphError) throw content;
    const stored = content instanceof Uint8Array;
    const input: ItemInput = { ...(unknown ? {} : checked(person)), ...(stored ? {} : content) };
    const payload = stored ? new Uint8Array(content) : null;
    return { name, input: { ...input }, payload, state: 'WAITING' } as const;
  } catch (error) {
    if (!(error instanceof FacegraphError)) throw error;
    const { code, message } = error;
    return { name, input: {}, payload: null, state: 'REFUSED', code, message } as const;
  }
}

function checked({ name, externalId }: PersonInput): PersonInput {
  if (name == null && !externalId)
    throw new FacegraphError('InvalidInput', 'neither a name nor an external id is given');
  return { ...(name != null && { name: named(name) }), ...(externalId && { externalId }) };
}

function soon(): Date {
  return new Date(Date.now() + PATIENCE_MS);
}
