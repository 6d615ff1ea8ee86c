import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Job, Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import type { ReembedInput } from './input.ts';

/** A job that this process works on, under the claim `lease`. */
export type Claimed = Job & { readonly lease: string };

/** What became of one item. */
export type Outcome =
  /** Null where nothing was to be stored. */
  | { readonly faceId: string | null }
  /** With the face that is enrolled already, where that is why. */
  | { readonly code: string; readonly message: string; readonly faceId?: string };

/** Somebody else has the job now, or nobody: it was cancelled, or its gallery deleted. */
export class LeaseLost extends Error {}

/** PostgreSQL's channel on which new work is announced. */
export const JOB_CHANNEL = 'facegraph_job';

/** States of a job that has not ended. */
export const ACTIVE = ['RECEIVING', 'QUEUED', 'RUNNING'] as const;

type Db = PrismaClient | Prisma.TransactionClient;

/**
 * Takes the oldest job that waits, or whose process has not been heard of until its lease ran out.
 * @param leaseMs how long the job stays taken without `renew`, by the clock of the database.
 * @param directories whether jobs that read a directory may be taken.
 */
export async function claimJob(
  db: Db,
  { leaseMs, directories }: { leaseMs: number; directories: boolean },
): Promise<Claimed | null> {
  // Host and process are for people who look into the table.
  const lease = `${hostname()}/${process.pid}/${randomUUID()}`;
  const claimed = await db.$queryRaw<{ id: string }[]>`
    UPDATE "Job" SET
      "state" = 'RUNNING',
      "lease" = ${lease},
      "leaseUntil" = now() + ${leaseMs} * interval '1 millisecond',
      "startedAt" = coalesce("startedAt", now()),
      "attempts" = "attempts" + CASE "state" WHEN 'RUNNING' THEN 1 ELSE 0 END
    WHERE "id" = (
      SELECT "id" FROM "Job"
      WHERE ("state" = 'QUEUED' OR "state" = 'RUNNING' AND "leaseUntil" < now())
        AND (${directories} OR "input" ->> 'directory' IS NULL)
      ORDER BY "id" LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING "id"`;
  if (claimed.length === 0) return null;
  const job = await db.job.findUnique({ where: { id: claimed[0].id } });
  return job && { ...job, lease };
}

/** Keeps a claim for another `leaseMs`; false when it is lost. */
export async function renew(db: Db, { id, lease }: Claimed, leaseMs: number): Promise<boolean> {
  const renewed = await db.$executeRaw`
    UPDATE "Job" SET "leaseUntil" = now() + ${leaseMs} * interval '1 millisecond'
    WHERE "id" = ${id} AND "lease" = ${lease} AND "state" = 'RUNNING'`;
  return renewed > 0;
}

/**
 * Counts what was done. In the transaction that does it, so that nothing is done under a lost claim.
 * @throws LeaseLost
 */
export async function advance(
  tx: Prisma.TransactionClient,
  job: Claimed,
  { done = 0, refused = 0 }: { done?: number; refused?: number },
): Promise<void> {
  const { count } = await tx.job.updateMany({
    where: held(job),
    data: { attempts: 0, done: { increment: done }, refused: { increment: refused } },
  });
  if (count === 0) throw new LeaseLost();
}

/**
 * Says how far a job is that begins from the start when it is broken off: that is no getting on.
 * @throws LeaseLost
 */
export async function report(
  db: Db,
  job: Claimed,
  progress: { done: number; total: number },
): Promise<void> {
  const { count } = await db.job.updateMany({ where: held(job), data: progress });
  if (count === 0) throw new LeaseLost();
}

/** Writes what became of an item, whose file is deleted with that. @throws LeaseLost */
export async function settleItem(
  tx: Prisma.TransactionClient,
  job: Claimed,
  position: number,
  outcome: Outcome,
): Promise<void> {
  const enrolled = !('code' in outcome);
  await advance(tx, job, enrolled ? { done: 1 } : { refused: 1 });
  await tx.jobItem.update({
    where: { jobId_position: { jobId: job.id, position } },
    data: { ...outcome, state: enrolled ? 'DONE' : 'REFUSED', payload: null },
  });
}

/** Ends a job for good. @throws LeaseLost */
export async function finishJob(
  tx: Prisma.TransactionClient,
  job: Claimed,
  end: { state: 'DONE' } | { state: 'FAILED'; error: string },
): Promise<void> {
  if (!(await endJob(tx, held(job), end))) throw new LeaseLost();
  await clearAfter(tx, job);
}

/** Ends a job, whoever works on it; false when it has ended already. */
export async function withdrawJob(tx: Prisma.TransactionClient, job: Job): Promise<boolean> {
  const active = { id: job.id, state: { in: [...ACTIVE] } };
  if (!(await endJob(tx, active, { state: 'CANCELLED' }))) return false;
  await clearAfter(tx, job);
  return true;
}

/**
 * Lets others take the job.
 * @param broken whether it was broken off by an error, which is not borne for ever.
 */
export async function giveBack(db: Db, job: Claimed, broken: boolean): Promise<void> {
  await db.job.updateMany({
    where: held(job),
    data: {
      state: 'QUEUED',
      lease: null,
      leaseUntil: null,
      attempts: { increment: broken ? 1 : 0 },
    },
  });
  // What was broken off waits for the next poll: most likely the database needs a moment.
  if (!broken) await announceJob(db, job.id);
}

/** Wakes the workers of all processes, once the transaction commits. */
export async function announceJob(db: Pick<Db, '$executeRaw'>, id: string): Promise<void> {
  await db.$executeRaw`SELECT pg_notify(${JOB_CHANNEL}, ${id})`;
}

function held({ id, lease }: Claimed) {
  return { id, lease, state: 'RUNNING' } as const;
}

async function endJob(
  tx: Prisma.TransactionClient,
  where: Prisma.JobWhereInput,
  end: Prisma.JobUpdateManyMutationInput,
): Promise<boolean> {
  const { count } = await tx.job.updateMany({
    where,
    data: { ...end, finishedAt: new Date(), lease: null, leaseUntil: null },
  });
  return count > 0;
}

// Files of items that were not reached, faces under masks, and embeddings of a model that the gallery did
// not change to.
async function clearAfter(tx: Prisma.TransactionClient, job: Job): Promise<void> {
  await tx.maskedFace.deleteMany({ where: { jobId: job.id } });
  await tx.jobItem.updateMany({
    where: { jobId: job.id, state: 'WAITING', payload: { not: null } },
    data: { payload: null },
  });
  if (job.kind !== 'REEMBED') return;
  const { model } = job.input as unknown as ReembedInput;
  const gallery = { id: job.galleryId, model: { not: model } };
  await tx.embedding.deleteMany({ where: { model, face: { gallery } } });
}
