import { setTimeout as sleep } from 'node:timers/promises';
import { FacegraphError } from '../../errors.ts';
import type { Job } from '../../generated/prisma/client.ts';
import type { Service } from '../gallery/galleries.ts';
import { type Access, visible } from '../gallery/store.ts';
import { ACTIVE, withdrawJob } from './queue.ts';

/** How often a followed job is looked at: its row, so that it does not matter who works on it. */
const LOOK_MS = 400;

/** @throws FacegraphError `JobNotFound`. */
export async function findJob(access: Access, id: string): Promise<Job> {
  const job = await access.db.job.findFirst({ where: { id, gallery: visible(access) } });
  if (!job) throw new FacegraphError('JobNotFound', 'no job of this id');
  return job;
}

/**
 * Ends a job before its time; one that has ended stays as it is. What it enrolled until now stays.
 * @throws FacegraphError `JobNotFound`.
 */
export async function cancelJob(service: Service, id: string): Promise<Job> {
  const job = await findJob(service, id);
  await service.db.$transaction((tx) => withdrawJob(tx, job));
  return findJob(service, id);
}

/** Whether a job will change no more. */
export function hasEnded({ state }: Pick<Job, 'state'>): boolean {
  return !ACTIVE.some((active) => active === state);
}

/**
 * Seconds until a job is done, at the pace it has had until now; null when that cannot be told: it
 * has not begun, nothing is done yet, or it has ended.
 */
export function secondsLeft(job: Job, now = new Date()): number | null {
  const { state, startedAt, total, done, refused } = job;
  const settled = done + refused;
  if (state !== 'RUNNING' || !startedAt || settled === 0) return null;
  const elapsed = (now.getTime() - startedAt.getTime()) / 1000;
  return Math.max(0, (elapsed / settled) * (total - settled));
}

/**
 * A job now and after every change until it has ended, is deleted, the signal is aborted, or whoever
 * follows it may no longer.
 * @param permitted asked before each look.
 */
export async function* followJob(
  access: Access,
  job: Job,
  signal: AbortSignal,
  permitted: () => Promise<boolean> = async () => true,
): AsyncGenerator<Job> {
  let seen: Job | null = job;
  yield seen;
  while (!hasEnded(seen) && (await rested(signal)) && (await permitted())) {
    const now: Job | null = await access.db.job.findUnique({ where: { id: job.id } });
    if (!now) return;
    if (fingerprint(now) !== fingerprint(seen)) yield now;
    seen = now;
  }
}

function rested(signal: AbortSignal): Promise<boolean> {
  return sleep(LOOK_MS, true, { signal }).catch(() => false);
}

// Not the lease, which is nobody's business and renewed all the time.
function fingerprint({ state, total, done, refused }: Job): string {
  return [state, total, done, refused].join();
}
