import { type GraphQLSchema, isInterfaceType, isObjectType } from 'graphql';

/** What each scope may use, as a Markdown table, out of the descriptions of the root fields. */
export function scopeTable(schema: GraphQLSchema): string {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const fields = new Map<string, string[]>();
  for (const root of roots)
    for (const { name, description } of Object.values(root?.getFields() ?? {})) {
      const end = /(?:Scopes? ((?:`[a-z:]+`(?: or |, )?)+)|(Any valid key))\.$/.exec(
        description ?? '',
      );
      if (!end) throw new Error(`${name} does not say its scope`);
      const scopes = end[2]
        ? ['any valid key']
        : [...end[1].matchAll(/`[a-z:]+`/g)].map(([s]) => s);
      for (const scope of scopes) fields.set(scope, [...(fields.get(scope) ?? []), `\`${name}\``]);
    }
  const rows = [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
  return table(
    ['scope', 'may use'],
    rows.map(([scope, names]) => [scope, names.sort().join(', ')]),
  );
}

/** Every failure that is a result, as a Markdown table, out of the types' descriptions. */
export function failureTable(schema: GraphQLSchema): string {
  const failure = schema.getType('Failure');
  if (!isInterfaceType(failure)) throw new Error('there is no interface Failure');
  const types = schema.getPossibleTypes(failure).filter(isObjectType);
  const rows = types.map(({ name, description }) => [`\`${name}\``, description ?? '']);
  return table(
    ['code', 'cause and remedy'],
    rows.sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
