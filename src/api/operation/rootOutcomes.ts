import { defaultFieldResolver, GraphQLError, type GraphQLSchema } from 'graphql';
import type { FacegraphError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { expectedCode } from '../mask.ts';
import { currentRequest } from './request.ts';

const INTERNAL = 'INTERNAL_SERVER_ERROR';
// Of what graphql-js itself finds wrong, and gives no code: mostly values of variables.
const BAD_INPUT = 'BAD_USER_INPUT';

/**
 * Makes every root field of a schema count its outcome. Failures that are members of unions are
 * answers to GraphQL; only here they can be told from successes, whatever the client selects.
 */
export function countOutcomes(schema: GraphQLSchema): GraphQLSchema {
  for (const root of [schema.getQueryType(), schema.getMutationType()])
    for (const field of Object.values(root?.getFields() ?? {})) {
      const resolve = field.resolve ?? defaultFieldResolver;
      field.resolve = async (parent, args, context: Context, info) => {
        const count = (outcome: string) => context.metrics.operation(field.name, outcome);
        try {
          const answer = await resolve(parent, args, context, info);
          const failure = unionFailure(answer);
          if (failure) bookFailure(failure.code, failure.details.retryAfter);
          count(failure?.code ?? 'ok');
          return answer;
        } catch (error) {
          count(codeOf(error));
          throw error;
        }
      };
    }
  return schema;
}

/** Books a failure to the current request. @param retryAfter seconds, of those that say when to try again. */
export function bookFailure(code: string, retryAfter: unknown): void {
  const request = currentRequest();
  if (!request) return;
  request.failures.push(code);
  if (typeof retryAfter === 'number') request.retryAfter = Math.max(request.retryAfter, retryAfter);
}

/** The code that a client sees of an error. */
export function codeOf(error: unknown): string {
  const expected = expectedCode(error);
  if (expected || !(error instanceof GraphQLError)) return expected ?? INTERNAL;
  const { code } = error.extensions;
  if (typeof code === 'string') return code;
  return error.originalError ? codeOf(error.originalError) : BAD_INPUT;
}

// The errors plugin hides a failure behind a proxy that is an instance of nothing we know.
function unionFailure(answer: unknown): Pick<FacegraphError, 'code' | 'details'> | undefined {
  const { name, code, details } = (answer ?? {}) as Partial<FacegraphError>;
  return name === 'FacegraphError' && code && details ? { code, details } : undefined;
}
