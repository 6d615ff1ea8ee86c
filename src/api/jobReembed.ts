import { reembed } from '../faces/jobs/reembed.ts';
import { builder } from './builder.ts';
import * as failures from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';

builder.mutationField('reembed', (t) =>
  t.prismaField({
    type: 'Job',
    description:
      'Makes a job that moves a gallery to another model. The old one serves until every face is embedded anew out of its stored photograph; then the gallery changes at once, and its own threshold, a distance of the old model, is dropped. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: {
      types: [
        failures.GalleryNotFound,
        failures.ImagesMissing,
        failures.ModelUnavailable,
        failures.InvalidInput,
        failures.IdempotencyKeyReused,
      ],
    },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Which one.' }),
      model: t.arg.string({ required: true, description: 'Embedding model, one of `models`.' }),
      dropFacesWithoutImage: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Whether faces without a stored photograph are deleted at the change.',
      }),
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, args, context) => {
      const { gallery, model, dropFacesWithoutImage } = args;
      const input = { model, dropFacesWithoutImage };
      const { id } = await once(context, 'reembed', args, (service) =>
        reembed(service, context.key!.id, galleryBy(gallery), input),
      );
      return still(await context.db.job.findUnique({ ...query, where: { id } }));
    },
  }),
);
