import {
  type GalleryIdentification,
  identifyInGallery,
  type Person,
  type ProbeFace,
} from '../faces/gallery/galleryIdentify.ts';
import { cosineThreshold, within } from './arguments.ts';
import { builder, IMAGE_COST } from './builder.ts';
import { FaceNode } from './face.ts';
import { GalleryNotFound, IMAGE_FAILURES, ModelUnavailable, NoFaceFound } from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IdentityNode } from './identity.ts';
import { ImageInput, readImage } from './image.ts';
import { DetectedFace } from './picture.ts';

const Candidate = builder.objectRef<Person>('Candidate').implement({
  description: 'Somebody of the gallery who is near a face.',
  fields: (t) => ({
    identity: t.field({
      type: IdentityNode,
      description: 'Who it is.',
      resolve: (person) => person.identity,
    }),
    face: t.field({
      type: FaceNode,
      nullable: true,
      description: "The person's enrolled face that is nearest; null when templates are ranked.",
      resolve: (person) => person.face,
    }),
    distance: t.exposeFloat('distance', { description: 'Cosine distance, 0 (same) to 2.' }),
  }),
});

const IdentifiedFace = builder
  .objectRef<ProbeFace & { index: number }>('IdentifiedFace')
  .implement({
    description: 'One face of the image and the people near it.',
    fields: (t) => ({
      face: t.field({
        type: DetectedFace,
        description: 'Where it is in the image.',
        resolve: ({ face, index }) => ({ ...face, index }),
      }),
      match: t.field({
        type: Candidate,
        nullable: true,
        description: 'The nearest person within the threshold; null: nobody known.',
        resolve: ({ match }) => match,
      }),
      candidates: t.field({
        type: [Candidate],
        description: 'The nearest people, nearest first, whether they match or not.',
        resolve: ({ candidates }) => candidates,
      }),
    }),
  });

const Identification = builder.objectRef<GalleryIdentification>('Identification').implement({
  description: 'Who of a gallery is in an image.',
  fields: (t) => ({
    model: t.string({
      description: "The gallery's embedding model.",
      resolve: ({ gallery }) => gallery.model,
    }),
    threshold: t.exposeFloat('threshold', {
      description: 'Cosine distance up to which a face matches.',
    }),
    width: t.int({
      description: 'Of the upright image, in pixels.',
      resolve: ({ image }) => image.width,
    }),
    height: t.int({
      description: 'Of the upright image, in pixels.',
      resolve: ({ image }) => image.height,
    }),
    faces: t.field({
      type: [IdentifiedFace],
      description: 'Every face of the image, most confident first.',
      resolve: ({ faces }) => faces.map((face, index) => ({ ...face, index })),
    }),
  }),
});

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

builder.queryFields((t) => ({
  identify: t.field({
    type: Identification,
    description:
      'Compares every face of an image with everybody in a gallery, exactly, on the GPU. Scope `identify`.',
    authScopes: { identify: true },
    complexity: { field: IMAGE_COST },
    errors: { types: [GalleryNotFound, NoFaceFound, ModelUnavailable, ...IMAGE_FAILURES] },
    args: {
      image: t.arg({ type: ImageInput, required: true, description: 'The photograph.' }),
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Whom to look for.' }),
      top: t.arg.int({
        required: true,
        defaultValue: 5,
        description: 'Candidates per face, 1 to 100.',
      }),
      threshold: t.arg.float({
        description: "Cosine distance; the gallery's, else its model's own, when absent.",
      }),
      rankBy: t.arg({
        type: RankBy,
        required: true,
        defaultValue: 'face',
        description: 'What of a person is compared.',
      }),
    },
    resolve: async (_root, { image, gallery, rankBy, ...args }, context) => {
      const top = within('top', args.top, 1, 100);
      const threshold = cosineThreshold(args.threshold);
      const upload = await readImage(image);
      return identifyInGallery(context, galleryBy(gallery), upload, { top, threshold, rankBy });
    },
  }),
}));
