import { encodeGlobalID } from '@pothos/plugin-relay';
import { issueKey, revokeKey } from '../faces/keyManagement.ts';
import { SCOPES, type Scope as ScopeName } from '../faces/keys.ts';
import { builder, pageCost } from './builder.ts';
import { ApiKeyNotFound, GalleryNotFound, InvalidInput, LastAdminKey } from './failures.ts';
import { GalleryNode } from './gallery.ts';

const Scope = builder.enumType('Scope', {
  description: 'What a key may do.',
  values: {
    DETECT: { value: 'detect', description: 'Find faces in images.' },
    VERIFY: { value: 'verify', description: 'Compare faces with each other.' },
    IDENTIFY: { value: 'identify', description: 'Find out who of a gallery is in an image.' },
    GALLERY_READ: {
      value: 'gallery:read',
      description: 'List galleries, their people and their faces.',
    },
    GALLERY_WRITE: {
      value: 'gallery:write',
      description: 'Change galleries, their people and their faces.',
    },
    EMBED: { value: 'embed', description: 'Get embeddings out and search by them.' },
    PROFILE: { value: 'profile', description: 'Measure the engine.' },
    AUDIT: { value: 'audit', description: 'See who searched for whom.' },
    ADMIN: {
      value: 'admin',
      description: 'All of the others; and manage keys, unless bound to galleries.',
    },
  } satisfies Record<string, { value: ScopeName; description: string }>,
});

const ApiKeyNode = builder.prismaNode('ApiKey', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id) => ({ id }),
  authScopes: { admin: true },
  fields: (t) => ({
    label: t.exposeString('label'),
    scopes: t.field({
      type: [Scope],
      description: 'What it may do.',
      resolve: ({ scopes }) => SCOPES.filter((scope) => scopes.includes(scope)),
    }),
    galleries: t.idList({
      nullable: true,
      description: 'Node ids of the galleries it is bound to; null: it may use all.',
      resolve: ({ galleryIds }) =>
        galleryIds.length === 0 ? null : galleryIds.map((id) => encodeGlobalID('Gallery', id)),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'From when on it does not work; null: it works until it is revoked.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute; null: never.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null: it was not.',
    }),
  }),
});

const CreatedApiKey = builder.objectRef<{ id: string; secret: string }>('CreatedApiKey').implement({
  description: 'A new key with its secret.',
  fields: (t) => ({
    secret: t.exposeString('secret', {
      description: 'What the client sends. It is shown this once: only its hash is stored.',
    }),
    key: t.prismaField({
      type: ApiKeyNode,
      description: 'What is known of it from now on.',
      resolve: (query, { id }, _args, { db }) =>
        db.apiKey.findUniqueOrThrow({ ...query, where: { id } }),
    }),
  }),
});

builder.queryFields((t) => ({
  apiKeys: t.prismaConnection(
    {
      type: 'ApiKey',
      cursor: 'id',
      description: 'Every API key, revoked ones too, oldest first. Scope `admin`.',
      authScopes: { admin: true },
      complexity: pageCost,
      totalCount: (_root, _args, { db }) => db.apiKey.count(),
      resolve: (query, _root, _args, { db }) =>
        db.apiKey.findMany({ ...query, orderBy: { id: 'asc' } }),
    },
    { name: 'ApiKeyConnection' },
    { name: 'ApiKeyEdge' },
  ),
}));

builder.mutationFields((t) => ({
  createApiKey: t.field({
    type: CreatedApiKey,
    description: 'Makes an API key. Scope `admin`.',
    authScopes: { admin: true },
    errors: { types: [InvalidInput, GalleryNotFound] },
    args: {
      label: t.arg.string({ required: true, description: 'What it is for, 1 to 200 characters.' }),
      scopes: t.arg({
        type: [Scope],
        required: true,
        description: 'What it may do, at least one.',
      }),
      galleries: t.arg.globalIDList({
        for: [GalleryNode],
        description: 'The only galleries it may use; all when absent.',
      }),
      expiresAt: t.arg({
        type: 'DateTime',
        description: 'From when on it does not work; absent: it works until it is revoked.',
      }),
    },
    resolve: (_root, { label, scopes, galleries, expiresAt }, { db }) =>
      issueKey(db, {
        label,
        scopes,
        galleries: galleries?.map(({ id }) => id),
        expiresAt: expiresAt ?? undefined,
      }),
  }),
  revokeApiKey: t.prismaField({
    type: ApiKeyNode,
    description:
      'Makes a key useless, at once and for good; its line stays in `apiKeys`. Scope `admin`.',
    authScopes: { admin: true },
    errors: { types: [ApiKeyNotFound, LastAdminKey] },
    args: { id: t.arg.globalID({ required: true, for: [ApiKeyNode], description: 'Which one.' }) },
    resolve: async (query, _root, { id }, { db }) => {
      await revokeKey(db, id.id);
      return db.apiKey.findUniqueOrThrow({ ...query, where: { id: id.id } });
    },
  }),
}));
