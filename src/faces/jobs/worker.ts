import { type Caller, inNameOf } from '../../engine/caller.ts';
import { FacegraphError } from '../../errors.ts';
import type { JobKind } from '../../generated/prisma/client.ts';
import type { Database } from '../database/database.ts';
import type { Service } from '../gallery/galleries.ts';
import { runCalibration } from './calibrate.ts';
import { runEnrolment } from './enrolment.ts';
import { expire } from './expire.ts';
import { runMaskReport } from './maskReport.ts';
import {
  type Claimed,
  claimJob,
  finishJob,
  giveBack,
  JOB_CHANNEL,
  LeaseLost,
  renew,
} from './queue.ts';
import { runReembedding } from './reembed.ts';
import { isPassing, type Jobs, type Run } from './work.ts';

/** How a process works on jobs. */
export interface JobOptions {
  readonly importDirectory?: string;
  /** How long a process may be silent before others take its jobs. Default 15 s. */
  readonly leaseMs?: number;
}

/** A second one, so that a small job need not wait for a large one. */
const AT_ONCE = 2;
/** Times a job may break off without getting on: it may be what kills the process. */
const ATTEMPTS = 3;
const HOUR = 3_600_000;

const RUN: Readonly<Record<JobKind, Run>> = {
  ENROL: runEnrolment,
  REEMBED: runReembedding,
  CALIBRATE: runCalibration,
  MASK_REPORT: runMaskReport,
};

/**
 * Works on the jobs of the database, beside other processes that do the same, and deletes what has
 * expired.
 * @param log takes errors of the work itself; it goes on.
 */
export function startJobs(
  { client: db, listen }: Database,
  service: Pick<Service, 'engine' | 'indexes'>,
  log: (error: unknown) => void,
  { importDirectory, leaseMs = 15_000 }: JobOptions = {},
): Jobs {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let looking: Promise<void> | undefined;
  let again = false;

  const perform = async (job: Claimed) => {
    const lost = new AbortController();
    const signal = AbortSignal.any([stopping.signal, lost.signal]);
    const renewing = setInterval(() => {
      renew(db, job, leaseMs).then((kept) => kept || lost.abort(), log);
    }, leaseMs / 3);
    const end = (how: Parameters<typeof finishJob>[2]) =>
      db.$transaction((tx) => finishJob(tx, job, how));
    try {
      if (job.attempts >= ATTEMPTS)
        return await end({
          state: 'FAILED',
          error: `it was broken off ${ATTEMPTS} times in a row; the log of the server says why`,
        });
      const access = { ...service, db, galleries: [job.galleryId] };
      // Without the signal: what was begun ends, or it would count as refused.
      const caller: Caller = { client: `job ${job.id}`, priority: 'job' };
      await inNameOf(caller, () =>
        RUN[job.kind]({ service: access, job, importDirectory, signal, log }),
      );
      if (signal.aborted) await giveBack(db, job, false);
      else await end({ state: 'DONE' });
    } catch (error) {
      if (error instanceof LeaseLost) return;
      if (error instanceof FacegraphError && !isPassing(error))
        return await end({ state: 'FAILED', error: error.message });
      log(error);
      await giveBack(db, job, true);
    } finally {
      clearInterval(renewing);
    }
  };

  const look = async () => {
    while (running.size < AT_ONCE && !stopping.signal.aborted) {
      const directories = importDirectory !== undefined;
      const job = await claimJob(db, { leaseMs, directories });
      if (!job) return;
      const work = perform(job)
        .catch((error) => error instanceof LeaseLost || log(error))
        .then(() => {
          running.delete(work);
          wake();
        });
      running.add(work);
    }
  };

  const wake = () => {
    again = true;
    looking ??= (async () => {
      while (again && !stopping.signal.aborted) {
        again = false;
        await look().catch(log);
      }
      looking = undefined;
    })();
  };

  let expiring: Promise<unknown> = Promise.resolve();
  const expireAll = () => {
    expiring = expiring.then(() => expire({ ...service, db })).catch(log);
  };

  const unlisten = listen(JOB_CHANNEL, wake);
  const timers = [setInterval(wake, leaseMs / 5), setInterval(expireAll, HOUR)];
  wake();
  expireAll();
  return {
    importDirectory,
    stopping: stopping.signal,
    wake,
    async stop() {
      stopping.abort();
      for (const timer of timers) clearInterval(timer);
      await unlisten();
      await looking;
      await Promise.all([...running, expiring]);
    },
  };
}
