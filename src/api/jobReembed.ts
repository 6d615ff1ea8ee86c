import { reembed } from '../faces/jobs/reembed.ts';
import { builder } from './builder.ts';
import { GalleryNotFound, ImagesMissing, InvalidInput, ModelUnavailable } from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';

builder.mutationField('reembed', (t) =>
  t.prismaField({
    type: 'Job',
    description:
      'Makes a job that moves a gallery to another model. The old one serves until every face is embedded anew out of its stored photograph; then the gallery changes at once, and its own threshold, a distance of the old model, is dropped. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, ImagesMissing, ModelUnavailable, InvalidInput] },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Which one.' }),
      model: t.arg.string({ required: true, description: 'Embedding model, one of `models`.' }),
      dropFacesWithoutImage: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Whether faces without a stored photograph are deleted at the change.',
      }),
    },
    resolve: async (query, _root, { gallery, ...input }, context) => {
      const { id } = await reembed(context, context.key!.id, galleryBy(gallery), input);
      return context.db.job.findUniqueOrThrow({ ...query, where: { id } });
    },
  }),
);
