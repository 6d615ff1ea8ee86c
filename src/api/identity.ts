import { createIdentity, deleteIdentity } from '../faces/gallery/galleries.ts';
import { visible } from '../faces/gallery/store.ts';
import { builder, pageCost } from './builder.ts';
import { GalleryNotFound, IdentityNotFound, InvalidInput, NameTaken } from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';

/** A person of a gallery. */
export const IdentityNode = builder.prismaNode('Identity', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id, context) => ({ id, gallery: visible(context) }),
  authScopes: { $any: { identify: true, galleryRead: true, galleryWrite: true, embed: true } },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What the person is called; need not be unique.' }),
    externalId: t.exposeString('externalId', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was entered.' }),
    gallery: t.relation('gallery', { description: 'The gallery the person belongs to.' }),
    faces: t.relatedConnection(
      'faces',
      {
        description: 'The enrolled faces of the person, in the order they were enrolled.',
        authScopes: { galleryRead: true },
        cursor: 'id',
        totalCount: true,
        complexity: pageCost,
        query: { orderBy: { id: 'asc' } },
      },
      { name: 'FaceConnection' },
      { name: 'FaceEdge' },
    ),
  }),
});

const DeletedIdentity = builder.objectRef<{ id: string }>('DeletedIdentity').implement({
  description: 'What is left of a deleted identity.',
  fields: (t) => ({
    id: t.globalID({
      description: 'The id it had.',
      resolve: ({ id }) => ({ type: 'Identity', id }),
    }),
  }),
});

builder.mutationFields((t) => ({
  createIdentity: t.prismaField({
    type: 'Identity',
    description: 'Enters a person without a face yet. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, NameTaken, InvalidInput] },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Where to.' }),
      name: t.arg.string({ required: true, description: '1 to 200 characters.' }),
      externalId: t.arg.string({
        description: "The person's key in your own system, unique in the gallery.",
      }),
    },
    resolve: async (query, _root, { gallery, ...identity }, context) => {
      const { id } = await createIdentity(context, galleryBy(gallery), identity);
      return context.db.identity.findUniqueOrThrow({ ...query, where: { id } });
    },
  }),
  deleteIdentity: t.field({
    type: DeletedIdentity,
    description: 'Deletes a person with all faces, for good. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [IdentityNotFound] },
    args: {
      id: t.arg.globalID({ required: true, for: [IdentityNode], description: 'Which one.' }),
    },
    resolve: async (_root, { id }, context) => {
      await deleteIdentity(context, id.id);
      return { id: id.id };
    },
  }),
}));
