import { createHash } from 'node:crypto';
import { FacegraphError } from '../../errors.ts';
import type { IdempotencyKey, Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import { canonicalJson } from '../canonicalJson.ts';
import { keyed } from './text.ts';

/** A request that is to have its effect once, however often it is sent. */
export interface Once {
  /** Keys of two clients never meet. */
  readonly apiKeyId: string;
  readonly key: string;
  /** SHA-256 of what is asked for, hexadecimal. */
  readonly request: string;
}

/** What a client says of such a request. */
export interface OnceRequest {
  readonly apiKeyId: string;
  /** The client's own; absent: the request is like any other. */
  readonly key?: string | null;
  /** All that tells this request from others, as plain data. */
  readonly request: unknown;
}

/** How long a key is remembered. */
const KEEP_MS = 24 * 3_600_000;

/**
 * Does the work, or answers what it came to when this key of this client was used before. The work
 * makes its changes in one `transact` with the service it is given, and returns what that returned.
 * Failures are not remembered, so that a request which failed can be sent again.
 * @throws FacegraphError `IdempotencyKeyReused` when the key came with another request, `InvalidInput`
 *   for a key that is empty or long, and whatever `work` throws.
 */
export async function once<S extends { readonly db: PrismaClient }, T>(
  service: S,
  { apiKeyId, key, request }: OnceRequest,
  work: (service: S & { readonly once?: Once }) => Promise<T>,
): Promise<T> {
  if (key == null) return work(service);
  const asked: Once = {
    apiKeyId,
    key: keyed(key, 'idempotencyKey'),
    request: createHash('sha256').update(canonicalJson(request)).digest('hex'),
  };
  await forgetOldKeys(service.db);
  const earlier = await earlierUse(service.db, asked);
  if (earlier) return earlier.result as T;
  return work({ ...service, once: asked }).catch(async (error) => {
    // It may have stumbled over what the same request did meanwhile.
    const meanwhile = await earlierUse(service.db, asked);
    if (meanwhile) return meanwhile.result as T;
    throw error;
  });
}

/**
 * A transaction that makes its change once where the service says so: whoever comes second, also at
 * the same moment and in another process, waits for the first and gets its result.
 * @param change returns plain JSON whose only strings are ids, with which an erasure finds it.
 * @param timeout milliseconds; as long as any transaction may take when absent.
 */
export function transact<T>(
  { db, once }: { readonly db: PrismaClient; readonly once?: Once },
  change: (tx: Prisma.TransactionClient) => Promise<T>,
  timeout?: number,
): Promise<T> {
  const options = timeout === undefined ? undefined : { timeout };
  if (!once) return db.$transaction(change, options);
  return db.$transaction(async (tx) => {
    const lock = `${once.apiKeyId} ${once.key}`;
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${lock}, 0))`;
    const earlier = await earlierUse(tx, once);
    if (earlier) return earlier.result as T;
    const result = await change(tx);
    await tx.idempotencyKey.create({
      data: { ...once, result: result as Prisma.InputJsonValue, ids: strings(result) },
    });
    return result;
  }, options);
}

/** Forgets the keys that were used longer ago than they are remembered. */
export async function forgetOldKeys(db: PrismaClient): Promise<void> {
  await db.idempotencyKey.deleteMany({ where: { at: { lt: new Date(Date.now() - KEEP_MS) } } });
}

async function earlierUse(
  db: Prisma.TransactionClient,
  { apiKeyId, key, request }: Once,
): Promise<IdempotencyKey | null> {
  const earlier = await db.idempotencyKey.findUnique({
    where: { apiKeyId_key: { apiKeyId, key } },
  });
  if (earlier && earlier.request !== request)
    throw new FacegraphError(
      'IdempotencyKeyReused',
      'this idempotencyKey was used for another request in the last 24 hours',
    );
  return earlier;
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value ? Object.values(value).flatMap(strings) : [];
}
