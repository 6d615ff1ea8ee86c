import { PothosValidationError } from '@pothos/core';
import { GraphQLError } from 'graphql';
import { maskError as mask } from 'graphql-yoga';
import { type ErrorCode, FacegraphError } from '../errors.ts';
import { refusesNul } from '../faces/database/violates.ts';

const NUL = 'a text or an id of the request has a character U+0000';

/**
 * What a client sees of an error that is no member of a union: expected failures with their code,
 * everything else as "Unexpected error." (the server's log has the rest).
 */
export function maskError(error: unknown, message: string): Error {
  const code = expectedCode(error);
  if (error instanceof GraphQLError && code) {
    const { nodes, path, originalError } = error;
    const extensions = { code, ...whenToRetry(originalError) };
    const told = refusesNul(originalError) ? NUL : error.message;
    return new GraphQLError(told, { nodes, path, extensions });
  }
  // Never the development form, which adds the original error to the answer.
  return mask(error, message, false);
}

// HTTP's own word for it counts only where there is no data beside the error.
function whenToRetry(cause: unknown) {
  const retryAfter = cause instanceof FacegraphError ? cause.details.retryAfter : undefined;
  return retryAfter === undefined ? {} : { retryAfter, http: { status: 503 } };
}

/**
 * The code of an error that clients cause: a failure of the domain, a malformed node id or cursor,
 * a text that no database can compare, a query that costs too much. Undefined for a bug.
 */
export function expectedCode(error: unknown): ErrorCode | undefined {
  const cause = error instanceof GraphQLError ? error.originalError : error;
  if (cause instanceof FacegraphError) return cause.code;
  return cause instanceof PothosValidationError || refusesNul(cause) ? 'InvalidInput' : undefined;
}
