import { type GraphQLSchema, isObjectType } from 'graphql';

const ARGUMENTS: Readonly<Record<string, string>> = {
  first: 'Length of the page, from its start: 20 unless told, at most 100.',
  last: 'Length of the page, counted from the end of the list.',
  after: 'The page begins after this cursor.',
  before: 'The page ends before this cursor.',
};

/** Describes what the relay plugin adds to a schema, and for which it takes no description. */
export function describePaging(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    if (type.name.endsWith('Connection')) {
      type.description = 'One page of a list.';
      type.getFields().totalCount.description = 'Entries of the whole list.';
    }
    if (type.name.endsWith('Edge')) type.description = 'An entry of a page.';
    for (const { args } of Object.values(type.getFields()))
      if (args.some(({ name }) => name === 'after'))
        for (const arg of args) arg.description ??= ARGUMENTS[arg.name];
  }
  return schema;
}
