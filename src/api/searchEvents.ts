import { encodeGlobalID } from '@pothos/plugin-relay';
import { FacegraphError } from '../errors.ts';
import { loggedSearches } from '../faces/search/searchEvents.ts';
import { SearchKind as Kind } from '../generated/prisma/enums.ts';
import { builder, pageCost } from './builder.ts';
import { GalleryNode } from './gallery.ts';
import { IdentityNode } from './identity.ts';

const SearchKind = builder.enumType('SearchKind', {
  description: 'How faces were compared.',
  values: {
    VERIFY: { value: Kind.VERIFY, description: '`verify`.' },
    IDENTIFY: { value: Kind.IDENTIFY, description: '`identify`.' },
    SIMILAR_FACES: { value: Kind.SIMILAR_FACES, description: '`similarFaces`.' },
    SEARCH_BY_EMBEDDING: { value: Kind.SEARCH_BY_EMBEDDING, description: '`searchByEmbedding`.' },
  } as const,
});

builder.prismaObject('SearchedFace', {
  description: 'What a search found for one face.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: "The face's place in the answer, from 0." }),
    identityId: t.globalID({
      nullable: true,
      description:
        'The person who was nearest, who may be deleted by now; null when nobody was, for an unassigned face, and after an erasure.',
      resolve: ({ identityId, galleryId }, _args, { galleries }) =>
        identityId && (!galleries || (galleryId && galleries.includes(galleryId)))
          ? { type: 'Identity', id: identityId }
          : null,
    }),
    distance: t.exposeFloat('distance', {
      nullable: true,
      description: 'Cosine distance to the nearest; null when there was nothing to compare with.',
    }),
    match: t.exposeBoolean('match', {
      description: 'Whether the nearest was within the threshold.',
    }),
  }),
});

builder.prismaObject('SearchEvent', {
  description:
    'One comparison of faces that somebody asked for. No image and no embedding is kept.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When it was answered.' }),
    keyId: t.id({
      description: 'The API key that asked.',
      resolve: ({ keyId }) => encodeGlobalID('ApiKey', keyId),
    }),
    kind: t.expose('kind', { type: SearchKind, description: 'How faces were compared.' }),
    galleryIds: t.globalIDList({
      description:
        'The galleries that were searched, or whose people were compared, as far as your key may use them.',
      resolve: ({ galleryIds }, _args, { galleries }) =>
        galleryIds
          .filter((id) => !galleries || galleries.includes(id))
          .map((id) => ({ type: 'Gallery', id })),
    }),
    model: t.exposeString('model', { description: 'The embedding model.' }),
    threshold: t.exposeFloat('threshold', {
      nullable: true,
      description: 'Cosine distance up to which a face matched; null where nothing was decided.',
    }),
    imageHashes: t.exposeStringList('imageHashes', {
      description: 'SHA-256 of each uploaded file, hexadecimal.',
    }),
    faces: t.relation('faces', {
      description: 'What was found for each face.',
      query: { orderBy: { index: 'asc' } },
    }),
  }),
});

builder.queryFields((t) => ({
  searchEvents: t.prismaConnection(
    {
      type: 'SearchEvent',
      cursor: 'id',
      description:
        'Who searched for whom, newest first; a search shows within a second. Scope `audit`.',
      authScopes: { audit: true },
      complexity: pageCost,
      args: {
        key: t.arg.globalID({ description: 'Only by this API key.' }),
        gallery: t.arg.globalID({ for: [GalleryNode], description: 'Only in this gallery.' }),
        identity: t.arg.globalID({
          for: [IdentityNode],
          description: 'Only where this person was nearest to a face.',
        }),
        kind: t.arg({ type: SearchKind, description: 'Only of this kind.' }),
        from: t.arg({ type: 'DateTime', description: 'Only at this moment or later.' }),
        to: t.arg({ type: 'DateTime', description: 'Only before this moment.' }),
      },
      totalCount: (_root, args, context) =>
        context.db.searchEvent.count({ where: loggedSearches(context, filter(args)) }),
      resolve: (query, _root, args, context) =>
        context.db.searchEvent.findMany({
          ...query,
          where: loggedSearches(context, filter(args)),
          orderBy: [{ at: 'desc' }, { id: 'desc' }],
        }),
    },
    { name: 'SearchEventConnection' },
    { name: 'SearchEventEdge' },
  ),
}));

interface FilterArguments {
  readonly key?: { readonly typename: string; readonly id: string } | null;
  readonly gallery?: { readonly id: string } | null;
  readonly identity?: { readonly id: string } | null;
  readonly kind?: Kind | null;
  readonly from?: Date | null;
  readonly to?: Date | null;
}

function filter({ key, gallery, identity, ...rest }: FilterArguments) {
  if (key && key.typename !== 'ApiKey')
    throw new FacegraphError('InvalidInput', `key is the id of a ${key.typename}`);
  return { ...rest, keyId: key?.id, galleryId: gallery?.id, identityId: identity?.id };
}
