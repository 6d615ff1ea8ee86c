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
          if (failure) currentRequest()?.failures.push(failure);
          count(failure ?? 'ok');
          return answer;
        } catch (error) {
          count(codeOf(error));
          throw error;
        }
      };
    }
  return schema;
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
function unionFailure(answer: unknown): string | undefined {
  const { name, code, details } = (answer ?? {}) as Partial<FacegraphError>;
  return name === 'FacegraphError' && details ? code : undefined;
}
