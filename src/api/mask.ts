import { PothosValidationError } from '@pothos/core';
import { GraphQLError } from 'graphql';
import { maskError as mask } from 'graphql-yoga';
import { FacegraphError } from '../errors.ts';

/**
 * What a client sees of an error that is no member of a union: expected failures with their code,
 * everything else as "Unexpected error." (the server's log has the rest).
 */
export function maskError(error: unknown, message: string): Error {
  if (error instanceof GraphQLError) {
    const { originalError, nodes, path } = error;
    if (originalError instanceof FacegraphError)
      return new GraphQLError(originalError.message, {
        nodes,
        path,
        extensions: { code: originalError.code },
      });
    // Malformed node ids and queries that cost too much.
    if (originalError instanceof PothosValidationError)
      return new GraphQLError(originalError.message, {
        nodes,
        path,
        extensions: { code: 'InvalidInput' },
      });
  }
  // Never the development form, which adds the original error to the answer.
  return mask(error, message, false);
}
