import { FacegraphError } from '../../errors.ts';
import type { Service } from '../gallery/galleries.ts';
import type { Claimed } from './queue.ts';

/** The jobs of this process, as the rest of it sees them. */
export interface Jobs {
  /** Directories below it may be enrolled; undefined: none may. */
  readonly importDirectory: string | undefined;
  /** Aborted when the process stops: whoever follows a job stops too. */
  readonly stopping: AbortSignal;
  /** Looks for work now rather than at the next poll. */
  wake(): void;
  /** Breaks off after the items in hand and lets other processes go on. */
  stop(): Promise<void>;
}

/** The domain, for what asks for jobs. */
export interface JobService extends Service {
  readonly jobs: Pick<Jobs, 'importDirectory' | 'stopping' | 'wake'>;
}

/** What a kind of job does; it returns when all is done or the signal is aborted. */
export type Run = (work: Work) => Promise<void>;

/** A job being worked on. */
export interface Work {
  /** Sees the job's gallery and no other. */
  readonly service: Service;
  readonly job: Claimed;
  readonly importDirectory: string | undefined;
  readonly signal: AbortSignal;
  /** Takes errors that are told to nobody else. */
  log(error: unknown): void;
}

// ModelMismatch: the gallery was embedded anew meanwhile. NameTaken: somebody else made the identity.
const PASSING: readonly string[] = ['DeviceLost', 'EngineBusy', 'ModelMismatch', 'NameTaken'];

/** Whether an error may be gone at the next attempt. */
export function isPassing(error: unknown): boolean {
  return error instanceof FacegraphError && PASSING.includes(error.code);
}
