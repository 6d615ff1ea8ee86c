import { setKeepImages, setRetention } from '../faces/gallery/settings.ts';
import { builder } from './builder.ts';
import { GalleryNotFound, InvalidInput } from './failures.ts';
import { GalleryNode } from './gallery.ts';

builder.mutationFields((t) => ({
  setKeepImages: t.prismaField({
    type: 'Gallery',
    description:
      'Says whether a gallery stores the photographs of faces enrolled from now on. Those it has stored are deleted when it no longer shall. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound] },
    args: {
      id: t.arg.globalID({ required: true, for: [GalleryNode], description: 'Which one.' }),
      keepImages: t.arg.boolean({ required: true, description: 'Whether it shall.' }),
    },
    resolve: async (query, _root, { id, keepImages }, context) => {
      await setKeepImages(context, id.id, keepImages);
      return context.db.gallery.findUniqueOrThrow({ ...query, where: { id: id.id } });
    },
  }),
  setRetention: t.prismaField({
    type: 'Gallery',
    description:
      'Says after how many days the faces of a gallery are deleted, within the hour, those enrolled before too. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, InvalidInput] },
    args: {
      id: t.arg.globalID({ required: true, for: [GalleryNode], description: 'Which one.' }),
      days: t.arg.int({ description: '1 to 36,500; never when absent.' }),
    },
    resolve: async (query, _root, { id, days }, context) => {
      await setRetention(context, id.id, days ?? null);
      return context.db.gallery.findUniqueOrThrow({ ...query, where: { id: id.id } });
    },
  }),
}));
