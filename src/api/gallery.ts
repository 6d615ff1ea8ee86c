import { createGallery, deleteGallery } from '../faces/gallery/galleries.ts';
import { likeFilter } from '../faces/gallery/person.ts';
import { visible } from '../faces/gallery/store.ts';
import { updateGallery } from '../faces/gallery/update.ts';
import { cosineThreshold } from './arguments.ts';
import { builder, pageCost } from './builder.ts';
import {
  GalleryNotFound,
  IdempotencyKeyReused,
  InvalidInput,
  ModelUnavailable,
  NameTaken,
} from './failures.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';
import { IdentityFilter } from './person.ts';
import { limitsOf, QualityLimits, QualityLimitsInput } from './quality.ts';

/** How a client names a gallery. */
export const GalleryBy = builder.inputType('GalleryBy', {
  description: 'A gallery, by one of the two.',
  isOneOf: true,
  fields: (t) => ({
    id: t.globalID({ for: [GalleryNode], description: 'Its node id.' }),
    name: t.string({ description: 'Its name.' }),
  }),
});

/** The database's way to say the same. */
export function galleryBy({ id, name }: typeof GalleryBy.$inferInput) {
  return { id: id?.id, name };
}

/** A collection of people. */
export const GalleryNode = builder.prismaNode('Gallery', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id, context) => ({ id, AND: [visible(context)] }),
  authScopes: { $any: { galleryRead: true, galleryWrite: true } },
  fields: (t) => ({
    name: t.exposeString('name'),
    model: t.exposeString('model'),
    threshold: t.exposeFloat('threshold', { nullable: true }),
    falseHitRate: t.exposeFloat('falseHitRate', { nullable: true }),
    keepImages: t.exposeBoolean('keepImages'),
    retentionDays: t.exposeInt('retentionDays', { nullable: true }),
    quality: t.field({
      type: QualityLimits,
      description: 'What a face must reach to be enrolled.',
      resolve: ({ qualityLimits }) => limitsOf(qualityLimits),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    faceCount: t.int({
      description: 'Faces that `identify` compares with.',
      resolve: ({ id }, _args, { indexes }) => indexes.size(id),
    }),
    identities: t.relatedConnection(
      'identities',
      {
        description: 'The people of the gallery, in the order they were entered.',
        authScopes: { galleryRead: true },
        cursor: 'id',
        totalCount: true,
        complexity: pageCost,
        args: {
          filter: t.arg({ type: IdentityFilter, description: 'Whom to list; all if absent.' }),
        },
        query: ({ filter }) => ({ orderBy: { id: 'asc' }, where: likeFilter(filter ?? {}) }),
      },
      { name: 'IdentityConnection' },
      { name: 'IdentityEdge' },
    ),
    unassignedFaces: t.relatedConnection(
      'faces',
      {
        description: 'The faces of nobody known, in the order they were added.',
        authScopes: { galleryRead: true },
        cursor: 'id',
        totalCount: true,
        complexity: pageCost,
        query: { where: { identityId: null }, orderBy: { id: 'asc' } },
      },
      { name: 'UnassignedFaceConnection' },
      { name: 'UnassignedFaceEdge' },
    ),
    edits: t.relatedConnection(
      'edits',
      {
        description: 'Corrections of whose faces are whose, newest first.',
        authScopes: { galleryRead: true },
        cursor: 'id',
        totalCount: true,
        complexity: pageCost,
        query: { orderBy: { id: 'desc' } },
      },
      { name: 'EditConnection' },
      { name: 'EditEdge' },
    ),
  }),
});

const DeletedGallery = builder.objectRef<{ id: string; name: string }>('DeletedGallery').implement({
  description: 'What is left of a deleted gallery.',
  fields: (t) => ({
    id: t.globalID({
      description: 'The id it had.',
      resolve: ({ id }) => ({ type: 'Gallery', id }),
    }),
    name: t.exposeString('name', { description: 'The name it had, free again.' }),
  }),
});

builder.queryFields((t) => ({
  gallery: t.prismaField({
    type: 'Gallery',
    nullable: true,
    description: 'One gallery; null when there is none of this id or name. Scope `gallery:read`.',
    authScopes: { galleryRead: true },
    args: { by: t.arg({ type: GalleryBy, required: true, description: 'Which one.' }) },
    resolve: (query, _root, { by }, context) => {
      const { id, name } = galleryBy(by);
      const which = id ? { id } : { name: name ?? '' };
      return context.db.gallery.findFirst({ ...query, where: { AND: [which, visible(context)] } });
    },
  }),
  galleries: t.prismaConnection(
    {
      type: 'Gallery',
      cursor: 'id',
      description: 'Every gallery that the key may use, oldest first. Scope `gallery:read`.',
      authScopes: { galleryRead: true },
      complexity: pageCost,
      totalCount: (_root, _args, context) => context.db.gallery.count({ where: visible(context) }),
      resolve: (query, _root, _args, context) =>
        context.db.gallery.findMany({
          ...query,
          where: visible(context),
          orderBy: { id: 'asc' },
        }),
    },
    { name: 'GalleryConnection' },
    { name: 'GalleryEdge' },
  ),
}));

builder.mutationFields((t) => ({
  createGallery: t.prismaField({
    type: 'Gallery',
    description: 'Makes an empty gallery. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [NameTaken, ModelUnavailable, InvalidInput, IdempotencyKeyReused] },
    args: {
      name: t.arg.string({ required: true, description: 'Unique, 1 to 200 characters.' }),
      model: t.arg.string({
        required: true,
        defaultValue: 'facenet-vggface2',
        description: 'Embedding model, one of `models`. Only `reembed` can change it later.',
      }),
      threshold: t.arg.float({
        description:
          "Cosine distance up to which a face matches; that of the calibration, else the model's own, when absent.",
      }),
      falseHitRate: t.arg.float({
        description:
          "A stranger's chance to be found to be somebody that calibrated thresholds keep, 0.000001 to 0.5; 0.01 when absent.",
      }),
      keepImages: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Whether the photographs of enrolled faces are stored, which `reembed` needs.',
      }),
      retentionDays: t.arg.int({
        description:
          'Faces are deleted so many days after their enrolment, 1 to 36,500; never when absent.',
      }),
      quality: t.arg({
        type: QualityLimitsInput,
        description: 'What a face must reach to be enrolled; the standard when absent.',
      }),
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, args, context) => {
      const threshold = cosineThreshold(args.threshold);
      const { id } = await once(context, 'createGallery', args, (service) =>
        createGallery(service, { ...args, threshold }),
      );
      return still(await context.db.gallery.findUnique({ ...query, where: { id } }));
    },
  }),
  updateGallery: t.prismaField({
    type: 'Gallery',
    description: 'Changes a gallery; what is absent stays as it is. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, NameTaken, InvalidInput] },
    args: {
      id: t.arg.globalID({ required: true, for: [GalleryNode], description: 'Which one.' }),
      name: t.arg.string({ description: 'Unique, 1 to 200 characters.' }),
      threshold: t.arg.float({
        description:
          "Cosine distance up to which a face matches; null: that of the calibration, else the model's own.",
      }),
      falseHitRate: t.arg.float({
        description:
          "A stranger's chance to be found to be somebody that calibrated thresholds keep, 0.000001 to 0.5; null: 0.01.",
      }),
      keepImages: t.arg.boolean({
        description:
          'Whether photographs of faces enrolled from now on are stored; if not, those that are stored are deleted.',
      }),
      retentionDays: t.arg.int({
        description:
          'Faces are deleted so many days after their enrolment, within the hour, those enrolled before too; null: never.',
      }),
      quality: t.arg({
        type: QualityLimitsInput,
        description:
          'What a face must reach to be enrolled from now on; null: the standard. `galleryHealth` finds the faces that do not.',
      }),
    },
    resolve: async (query, _root, { id: { id }, ...args }, context) => {
      const { name, threshold, keepImages, retentionDays, falseHitRate, quality } = args;
      await updateGallery(context, id, {
        name: name ?? undefined,
        keepImages: keepImages ?? undefined,
        retentionDays,
        quality,
        falseHitRate,
        threshold: threshold === null ? null : cosineThreshold(threshold),
      });
      return context.db.gallery.findUniqueOrThrow({ ...query, where: { id } });
    },
  }),
  deleteGallery: t.field({
    type: DeletedGallery,
    description: 'Deletes a gallery with everybody in it, for good. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, InvalidInput] },
    args: {
      id: t.arg.globalID({ required: true, for: [GalleryNode], description: 'Which one.' }),
      confirmName: t.arg.string({
        required: true,
        description: 'Its name once more, against a wrong id.',
      }),
    },
    resolve: (_root, { id, confirmName }, context) => deleteGallery(context, id.id, confirmName),
  }),
}));
