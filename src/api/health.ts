import type { AdapterSummary } from '../engine/engine.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';

const Adapter = builder.objectRef<AdapterSummary>('Adapter').implement({
  description: 'The GPU that does the work.',
  fields: (t) => ({
    vendor: t.exposeString('vendor', { description: 'Who made it, e.g. `nvidia` or `mesa`.' }),
    architecture: t.exposeString('architecture', { description: 'Its family; may be empty.' }),
    description: t.exposeString('description', { description: 'Its name.' }),
    software: t.exposeBoolean('software', {
      description: 'True when there is no GPU and the processor stands in, many times slower.',
    }),
    features: t.exposeStringList('features', { description: 'WebGPU features it offers.' }),
  }),
});

const DatabaseKind = builder.enumType('DatabaseKind', {
  description: 'Where galleries are kept.',
  values: {
    PGLITE: { value: 'PGlite', description: 'Embedded, in the data directory.' },
    POSTGRESQL: { value: 'PostgreSQL', description: 'The server of `DATABASE_URL`.' },
  } as const,
});

const Health = builder.objectRef<Context>('Health').implement({
  description: 'What the server runs on.',
  fields: (t) => ({
    adapter: t.field({
      type: Adapter,
      description: 'The GPU.',
      resolve: ({ engine }) => engine.adapter,
    }),
    database: t.field({
      type: DatabaseKind,
      description: 'Where galleries are kept.',
      resolve: ({ databaseKind }) => databaseKind,
    }),
    faces: t.int({
      description: 'Faces of all galleries in GPU memory.',
      resolve: ({ indexes }) => indexes.size(),
    }),
  }),
});

builder.queryFields((t) => ({
  health: t.field({
    type: Health,
    description: 'What the server runs on; `/readyz` answers without a key. Any valid key.',
    authScopes: { authenticated: true },
    resolve: (_root, _args, context) => context,
  }),
}));
