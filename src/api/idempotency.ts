import { FacegraphError } from '../errors.ts';
import * as domain from '../faces/gallery/once.ts';
import type { JobService } from '../faces/jobs/work.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';

/**
 * The argument of every mutation that makes something. An argument rather than a header, because one
 * request may hold several mutations, and each needs a key of its own.
 */
export const IDEMPOTENCY = builder.args((t) => ({
  idempotencyKey: t.string({
    description:
      'Any text of 1 to 200 characters, e.g. a UUID. Sent again with the same key within 24 hours, the same call of the same API key has no further effect and answers what the first made. A call that failed may be repeated with its key.',
  }),
}));

/**
 * Does the work once per idempotency key.
 * @param field the mutation.
 * @param request its arguments, with the hash of an upload in the place of the upload.
 */
export function once<T>(
  { key, ...service }: Context,
  field: string,
  { idempotencyKey, ...request }: { readonly idempotencyKey?: string | null },
  work: (service: JobService) => Promise<T>,
): Promise<T> {
  const asked = { apiKeyId: key!.id, key: idempotencyKey, request: { field, ...request } };
  return domain.once<JobService, T>(service, asked, work);
}

/**
 * What a mutation has made, to be answered.
 * @throws FacegraphError `IdempotencyKeyReused` when an earlier call made it and it is gone.
 */
export function still<T>(row: T | null): T {
  if (row === null)
    throw new FacegraphError('IdempotencyKeyReused', 'what this call made was deleted since');
  return row;
}
