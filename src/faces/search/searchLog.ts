import { randomUUID } from 'node:crypto';
import { engineBusy } from '../../errors.ts';
import type { PrismaClient, SearchEvent, SearchedFace } from '../../generated/prisma/client.ts';

/** A search as it is taken down: what was asked and what came out, without biometric content. */
export interface Search extends Omit<SearchEvent, 'id' | 'at'> {
  /** One for each face that was searched for. */
  readonly faces: readonly Omit<SearchedFace, 'eventId' | 'index'>[];
}

/**
 * Writes searches down behind their answers. None is lost in silence: what cannot be written stays
 * and is tried again, and once as many wait as the log holds, searches are refused, because a search
 * that leaves no trace is worse than none. Only a killed process loses what it recorded last.
 */
export interface SearchLog {
  /** @throws FacegraphError `EngineBusy` when the log is full. */
  record(search: Search): void;
  /** Searches that are not written yet. */
  readonly pending: number;
  /** Attempts to write that failed, since the start. */
  readonly failures: number;
  /** Writes all that was recorded so far. @throws what the database threw; nothing is forgotten. */
  flush(): Promise<void>;
  /** Writes what is left and stops; what even now cannot be written is reported with its number. */
  close(): Promise<void>;
}

interface Entry extends Search {
  readonly id: string;
  readonly at: Date;
}

export interface SearchLogOptions {
  /** Searches that may wait. */
  readonly capacity?: number;
  /** Between the first recorded search and its writing. */
  readonly delayMs?: number;
  /** Between a failure and the next attempt. */
  readonly retryMs?: number;
}

/** Searches of one transaction. */
const BATCH = 200;

/** @param failed called at each failure to write. */
export function createSearchLog(
  db: PrismaClient,
  failed: (error: unknown) => void,
  { capacity = 2000, delayMs = 100, retryMs = 1000 }: SearchLogOptions = {},
): SearchLog {
  const waiting: Entry[] = [];
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  const writeAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      await write(db, batch);
      waiting.splice(0, batch.length);
    }
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
    return writing;
  };
  const later = (ms: number) => {
    timer ??= setTimeout(() => {
      flush().catch((error) => {
        failures++;
        failed(error);
        later(retryMs);
      });
    }, ms);
  };

  return {
    record(search) {
      if (waiting.length >= capacity)
        throw engineBusy('the log of searches cannot be written', Math.ceil(retryMs / 1000));
      waiting.push({ id: randomUUID(), at: new Date(), ...search });
      later(delayMs);
    },
    get pending() {
      return waiting.length;
    },
    get failures() {
      return failures;
    },
    flush,
    async close() {
      try {
        await flush();
      } catch (error) {
        failures++;
        failed(new Error(`${waiting.length} searches could not be logged`, { cause: error }));
      }
    },
  };
}

// The names of people who are gone by now are left out: whoever erases a person deletes the identity
// first and blanks the events then, so that the lock makes sure that one of us sees the other. It
// does not wait, for a deletion may hold several people; the next attempt comes soon enough.
// A transaction whose success got lost on the way is repeated, hence `skipDuplicates`.
async function write(db: PrismaClient, batch: readonly Entry[]): Promise<void> {
  const named = batch.flatMap(({ faces }) => faces.flatMap(({ identityId }) => identityId ?? []));
  await db.$transaction(async (tx) => {
    const present = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM "Identity" WHERE id = ANY(${[...new Set(named)]}) FOR KEY SHARE NOWAIT`;
    const there = new Set(present.map(({ id }) => id));
    await tx.searchEvent.createMany({
      data: batch.map(({ faces: _, ...event }) => event),
      skipDuplicates: true,
    });
    await tx.searchedFace.createMany({
      data: batch.flatMap(({ id, faces }) =>
        faces.map((face, index) => {
          const gone = face.identityId && !there.has(face.identityId);
          return { ...face, ...(gone && { identityId: null }), eventId: id, index };
        }),
      ),
      skipDuplicates: true,
    });
  });
}
