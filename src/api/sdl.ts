import { lexicographicSortSchema, printSchema } from 'graphql';
import { schema } from './schema.ts';

/** The schema in GraphQL's own language, sorted: what `schema/schema.graphql` must be. */
export function sdl(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
