import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateOutput } from '@gql.tada/cli-utils';
import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../src/api/schema.ts';
import { sdl } from '../src/api/sdl.ts';
import { temporaryDirectory } from './api/harness.ts';

describe('GraphQL schema', () => {
  // After an intended change: npx vitest run test/api-schema.test.ts -u
  it('is what schema/schema.graphql says', async () => {
    await expect(sdl()).toMatchFileSnapshot('../schema/schema.graphql');
  });

  it('is what the example client is typed by', async () => {
    const directory = await temporaryDirectory();
    const output = join(directory.path, 'schema.d.ts');
    await generateOutput({ output, tsconfig: undefined });
    await expect(await readFile(output, 'utf8')).toMatchFileSnapshot('../examples/schema.d.ts');
    await directory.remove();
  });

  it('describes every type, field, argument and value', () => {
    const types = Object.values(schema.getTypeMap()).filter(
      (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
    );
    expect(types.length).toBeGreaterThan(40);
    expect(types.flatMap(undescribed)).toEqual([]);
  });

  it('tells the scope of every root field', () => {
    const roots = [
      schema.getQueryType()!,
      schema.getMutationType()!,
      schema.getSubscriptionType()!,
    ];
    const silent = roots
      .flatMap((type) => Object.values(type.getFields()))
      .filter(({ description }) => !/(Scope `[a-z:]+`|Any valid key)\.$/.test(description ?? ''));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});

// Unions are left out: each is one answer of the field that it is named after.
function undescribed(type: GraphQLNamedType): string[] {
  const missing: string[] = [];
  const look = (path: string, { description }: { description?: string | null }) => {
    if (!description) missing.push(path);
  };
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) || isEnumType(type))
    look(type.name, type);
  if (isEnumType(type))
    for (const value of type.getValues()) look(`${type.name}.${value.name}`, value);
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type))
    for (const field of Object.values(type.getFields())) {
      look(`${type.name}.${field.name}`, field);
      for (const arg of 'args' in field ? field.args : [])
        look(`${type.name}.${field.name}(${arg.name})`, arg);
    }
  return missing;
}
