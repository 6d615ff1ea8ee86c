import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import { GraphQLError } from 'graphql';
import { permits } from '../faces/keys.ts';
import type PrismaTypes from '../generated/pothos.ts';
import { getDatamodel } from '../generated/pothos.ts';
import type { Context } from './context.ts';

/** Cost of a field that reads one image; every row that a request may fetch costs about 1 per field. */
export const IMAGE_COST = 500;

/** The one schema builder; the files beside this one add their types and fields to it. */
export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  AuthScopes: {
    authenticated: boolean;
    detect: boolean;
    verify: boolean;
    identify: boolean;
    galleryRead: boolean;
    galleryWrite: boolean;
    embed: boolean;
    profile: boolean;
    audit: boolean;
    admin: boolean;
  };
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string | number };
    DateTime: { Input: Date; Output: Date };
    File: { Input: File; Output: never };
  };
}>({
  plugins: [ScopeAuthPlugin, ComplexityPlugin, ErrorsPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    authScopes: ({ key }) => ({
      authenticated: key !== null,
      detect: key !== null && permits(key, 'detect'),
      verify: key !== null && permits(key, 'verify'),
      identify: key !== null && permits(key, 'identify'),
      galleryRead: key !== null && permits(key, 'gallery:read'),
      galleryWrite: key !== null && permits(key, 'gallery:write'),
      embed: key !== null && permits(key, 'embed'),
      profile: key !== null && permits(key, 'profile'),
      audit: key !== null && permits(key, 'audit'),
      // What concerns the whole server: a key bound to galleries could else make one that is not.
      admin: key !== null && permits(key, 'admin') && key.galleries === null,
    }),
    unauthorizedError: (_parent, { key }, info) => refusal(key !== null, info.fieldName),
  },
  // A list counts what it may hold through the connection around it, see `pageCost`.
  complexity: {
    defaultListMultiplier: 1,
    limit: ({ limits }) => ({ complexity: limits.maxCost, depth: 14, breadth: 400 }),
  },
  errors: {
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${fieldName[0].toUpperCase()}${fieldName.slice(1)}Result`,
    },
  },
  relay: {
    nodeTypeOptions: { description: 'Whatever has an id of its own: `node` finds it.' },
    idFieldOptions: { description: 'Opaque; unique among all types.' },
    nodeQueryOptions: {
      description: 'Any gallery, identity, face or edit by its id. Scope `gallery:read`.',
      authScopes: { galleryRead: true },
      args: { id: { description: 'The id that a node calls its own.' } },
    },
    nodesQueryOptions: {
      description:
        'Several galleries, identities, faces or edits by their ids. Scope `gallery:read`.',
      authScopes: { galleryRead: true },
      args: { ids: { description: 'The ids that the nodes call their own.' } },
      complexity: ({ ids }) => ({ field: 1, multiplier: (ids as unknown[]).length }),
    },
    pageInfoTypeOptions: { description: 'Where a page lies in its connection.' },
    hasNextPageFieldOptions: { description: 'Whether more follow.' },
    hasPreviousPageFieldOptions: { description: 'Whether more come before.' },
    startCursorFieldOptions: { description: 'Of the first edge: `before` takes it.' },
    endCursorFieldOptions: { description: 'Of the last edge: `after` takes it.' },
    edgesFieldOptions: { description: 'The entries of the page.' },
    pageInfoFieldOptions: { description: 'Where the page lies in the list.' },
    nodeFieldOptions: { description: 'The entry itself.' },
    cursorFieldOptions: { description: 'Opaque: `after` and `before` take it.' },
  },
  prisma: {
    client: ({ db }) => db,
    dmmf: getDatamodel(),
    exposeDescriptions: { models: true, fields: true },
    filterConnectionTotalCount: true,
    maxConnectionSize: 100,
    defaultConnectionSize: 20,
  },
});

/** Cost of a connection field: its selection once per row of the page that is asked for. */
export function pageCost(args: { first?: number | null; last?: number | null }): {
  field: number;
  multiplier: number;
} {
  return { field: 1, multiplier: Math.min(args.first ?? args.last ?? 20, 100) };
}

/**
 * Cost of a field that answers up to `top` rows of something outside of a connection: its own, and its
 * selection once per row.
 */
export function topCost(own: number, top: number | null | undefined, most = 100) {
  return { field: own, multiplier: Math.min(Math.max(top ?? 1, 1), most) };
}

builder.scalarType('DateTime', {
  description:
    'A moment, ISO 8601 with a zone, e.g. `2026-01-31T12:00:00.000Z`. Answers are in UTC.',
  serialize: (value) => value.toISOString(),
  parseValue: parseDateTime,
});

builder.scalarType('File', {
  description:
    'A file part of a multipart request (github.com/jaydenseric/graphql-multipart-request-spec).',
  serialize: () => {
    throw new GraphQLError('File is only an input');
  },
});

builder.queryType({ description: 'Reads; nothing is changed or stored.' });
builder.mutationType({ description: 'Changes to galleries, their people and their faces.' });

const DATE_TIME = /^(?!0000)(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

function parseDateTime(value: unknown): Date {
  const day = typeof value === 'string' ? DATE_TIME.exec(value)?.[1] : undefined;
  const date = new Date(String(value));
  // Date takes 30 February for 2 March.
  if (!day || Number.isNaN(date.getTime()) || !new Date(day).toISOString().startsWith(day))
    throw new GraphQLError('a DateTime is ISO 8601 with a zone, e.g. 2026-01-31T12:00:00Z', {
      extensions: { code: 'InvalidInput' },
    });
  return date;
}

function refusal(authenticated: boolean, field: string): GraphQLError {
  return authenticated
    ? new GraphQLError(`the API key may not use ${field}`, {
        extensions: { code: 'Forbidden', http: { status: 403 } },
      })
    : new GraphQLError('a valid API key is needed: Authorization: Bearer KEY or x-api-key: KEY', {
        extensions: { code: 'Unauthenticated', http: { status: 401 } },
      });
}
