import { FacegraphError } from '../errors.ts';
import type { GalleryBy as By } from '../faces/gallery/store.ts';
import type { SearchOptions } from '../faces/search/identifyPeople.ts';
import { cosineThreshold, within } from './arguments.ts';
import { builder } from './builder.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IdentityNode } from './identity.ts';

interface GalleryArguments {
  readonly gallery?: typeof GalleryBy.$inferInput | null;
  readonly galleries?: readonly (typeof GalleryBy.$inferInput)[] | null;
}

interface SearchArguments {
  readonly top: number;
  readonly threshold?: number | null;
  readonly rankBy: 'face' | 'template';
  readonly exclude?: readonly { readonly id: string }[] | null;
}

const RankBy = builder.enumType('RankBy', {
  description: 'What of a person is compared with a face.',
  values: {
    FACE: { value: 'face', description: 'The nearest of the enrolled faces.' },
    TEMPLATE: {
      value: 'template',
      description: 'The mean of the enrolled faces, outliers left out: one comparison a person.',
    },
  } as const,
});

/** Which galleries are searched for people, and how. */
export const SEARCH_ARGS = builder.args((t) => ({
  gallery: t.field({ type: GalleryBy, description: 'Whom to look for.' }),
  galleries: t.field({
    type: [GalleryBy],
    description: 'The same in several galleries, at most 20, all of one model.',
  }),
  top: t.int({ required: true, defaultValue: 5, description: 'Candidates per face, 1 to 100.' }),
  threshold: t.float({
    description:
      "Cosine distance; when absent the gallery's own, else that of its calibration, else its model's; of several galleries the lowest.",
  }),
  rankBy: t.field({
    type: RankBy,
    required: true,
    defaultValue: 'face',
    description: 'What of a person is compared.',
  }),
  exclude: t.globalIDList({
    for: [IdentityNode],
    description: 'Identities that are passed over, at most 1000.',
  }),
}));

/** The galleries that a client wants searched. @throws FacegraphError `InvalidInput`. */
export function searchedGalleries({ gallery, galleries }: GalleryArguments): By[] {
  const all = [...(gallery ? [gallery] : []), ...(galleries ?? [])].map(galleryBy);
  if (all.length === 0) throw new FacegraphError('InvalidInput', 'gallery or galleries is needed');
  within('number of galleries', all.length, 1, 20);
  return all;
}

/** How a client wants galleries searched. @throws FacegraphError `InvalidInput`. */
export function searchOptions(args: SearchArguments): SearchOptions {
  const exclude = args.exclude?.map(({ id }) => id) ?? [];
  within('number of excluded identities', exclude.length, 0, 1000);
  return {
    top: within('top', args.top, 1, 100),
    threshold: cosineThreshold(args.threshold),
    rankBy: args.rankBy,
    exclude,
  };
}
