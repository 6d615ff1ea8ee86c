import { encodeGlobalID } from '@pothos/plugin-relay';
import { TransferDirection } from '../generated/prisma/enums.ts';
import { builder, pageCost } from './builder.ts';
import type { Context } from './context.ts';

const Direction = builder.enumType('TransferDirection', {
  description: 'Which way a gallery went.',
  values: {
    EXPORT: { value: TransferDirection.EXPORT, description: 'Out, as a bundle.' },
    IMPORT: { value: TransferDirection.IMPORT, description: 'In, out of a bundle.' },
  } as const,
});

builder.prismaObject('Transfer', {
  description: 'That a gallery went out or came in as a bundle (docs/bundle.md).',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    direction: t.expose('direction', { type: Direction, description: 'Which way.' }),
    keyId: t.id({
      description: 'The API key that asked; of no key for the command line.',
      resolve: ({ keyId }) => encodeGlobalID('ApiKey', keyId),
    }),
    galleryId: t.globalID({
      description: 'The gallery, which may be gone by now.',
      resolve: ({ galleryId: id }) => ({ type: 'Gallery', id }),
    }),
    identities: t.exposeInt('identities', { description: 'People in the bundle.' }),
    faces: t.exposeInt('faces', { description: 'Faces in the bundle.' }),
    images: t.exposeInt('images', { description: 'Photographs in the bundle.' }),
  }),
});

builder.queryField('transfers', (t) =>
  t.prismaConnection(
    {
      type: 'Transfer',
      cursor: 'id',
      description:
        'Exports and imports of the galleries that the key may use, newest first. Scope `audit`.',
      authScopes: { audit: true },
      complexity: pageCost,
      totalCount: (_root, _args, context) => context.db.transfer.count({ where: seen(context) }),
      resolve: (query, _root, _args, context) =>
        context.db.transfer.findMany({ ...query, where: seen(context), orderBy: { id: 'desc' } }),
    },
    { name: 'TransferConnection' },
    { name: 'TransferEdge' },
  ),
);

// A transfer outlives its gallery, so there may be no gallery to ask.
function seen({ galleries }: Context) {
  return galleries ? { galleryId: { in: [...galleries] } } : {};
}
