import { createIdentity, deleteIdentity } from '../faces/gallery/galleries.ts';
import { likeFilter } from '../faces/gallery/person.ts';
import { visible } from '../faces/gallery/store.ts';
import { updateIdentity } from '../faces/gallery/update.ts';
import { builder, pageCost } from './builder.ts';
import type { Context } from './context.ts';
import {
  GalleryNotFound,
  IdempotencyKeyReused,
  IdentityNotFound,
  InvalidInput,
  NameTaken,
} from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';
import { Consent, IdentityFilter, PERSON_ARGS } from './person.ts';

/** A person of a gallery. */
export const IdentityNode = builder.prismaNode('Identity', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id, context) => ({ id, gallery: visible(context) }),
  authScopes: { $any: { identify: true, galleryRead: true, galleryWrite: true, embed: true } },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What the person is called; need not be unique.' }),
    externalId: t.exposeString('externalId', { nullable: true }),
    labels: t.exposeStringList('labels', { description: 'Words to find the person by.' }),
    consent: t.field({
      type: Consent,
      nullable: true,
      description: 'Why the data may be held; null when not recorded.',
      authScopes: { $any: { galleryRead: true, galleryWrite: true } },
      resolve: ({ consentBasis: basis, consentRecordedAt: recordedAt, consentExpiresAt }) =>
        basis && recordedAt ? { basis, recordedAt, expiresAt: consentExpiresAt } : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was entered.' }),
    faceCount: t.relationCount('faces', {
      description: 'Enrolled faces of the person; `identify` finds nobody without one.',
      authScopes: { $any: { galleryRead: true, galleryWrite: true } },
    }),
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

builder.queryFields((t) => ({
  identities: t.prismaConnection(
    {
      type: 'Identity',
      cursor: 'id',
      description:
        'People of every gallery that the key may use, in the order they were entered. Scope `gallery:read`.',
      authScopes: { galleryRead: true },
      complexity: pageCost,
      args: {
        filter: t.arg({ type: IdentityFilter, description: 'Whom to list; all if absent.' }),
      },
      totalCount: (_root, { filter }, context) =>
        context.db.identity.count({ where: listed(filter, context) }),
      resolve: (query, _root, { filter }, context) =>
        context.db.identity.findMany({
          ...query,
          where: listed(filter, context),
          orderBy: { id: 'asc' },
        }),
    },
    { name: 'AllIdentitiesConnection' },
    { name: 'AllIdentitiesEdge' },
  ),
}));

builder.mutationFields((t) => ({
  createIdentity: t.prismaField({
    type: 'Identity',
    description: 'Enters a person without a face yet. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, NameTaken, InvalidInput, IdempotencyKeyReused] },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Where to.' }),
      name: t.arg.string({ required: true, description: '1 to 200 characters.' }),
      ...PERSON_ARGS,
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, args, context) => {
      const { id } = await once(context, 'createIdentity', args, (service) =>
        createIdentity(service, galleryBy(args.gallery), args),
      );
      const where = { id, gallery: visible(context) };
      return still(await context.db.identity.findUnique({ ...query, where }));
    },
  }),
  updateIdentity: t.prismaField({
    type: 'Identity',
    description:
      'Changes what is known of a person; what is absent stays as it is, and null takes it away. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [IdentityNotFound, NameTaken, InvalidInput] },
    args: {
      id: t.arg.globalID({ required: true, for: [IdentityNode], description: 'Which one.' }),
      name: t.arg.string({ description: '1 to 200 characters; null leaves it as it is.' }),
      ...PERSON_ARGS,
    },
    resolve: async (query, _root, { id: { id }, name, ...person }, context) => {
      await updateIdentity(context, id, { ...person, name: name ?? undefined });
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

function listed(filter: typeof IdentityFilter.$inferInput | null | undefined, context: Context) {
  return { ...likeFilter(filter ?? {}), gallery: visible(context) };
}
