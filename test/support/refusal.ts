import { expect } from 'vitest';
import { FacegraphError } from '../../src/errors.ts';

/** The typed error with which the promise fails. */
export async function refusal(promise: Promise<unknown>): Promise<FacegraphError> {
  const error = await promise.then(
    () => 'it was accepted',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FacegraphError);
  return error as FacegraphError;
}
