import { FacegraphError } from '../errors.ts';
import { visible } from '../faces/gallery/store.ts';
import { addUnknownFaces, assignFaces } from '../faces/gallery/unassigned.ts';
import {
  type Cluster as ClusterShape,
  type ClusterSource,
  proposePeople,
  type Clusters as Shape,
} from '../faces/search/cluster.ts';
import { cosineThreshold, within } from './arguments.ts';
import { builder, IMAGE_COST } from './builder.ts';
import { EnrolIdentity, enrolIdentity } from './enrol.ts';
import { FaceNode } from './face.ts';
import * as failures from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';
import { ImageInput, readFace, shownBy } from './image.ts';
import { JobNode } from './job.ts';

const Cluster = builder.objectRef<ClusterShape>('Cluster').implement({
  description: 'Unassigned faces that seem to be one person, one of a photograph at most.',
  fields: (t) => ({
    faces: t.field({
      type: [FaceNode],
      description: 'The most typical first; `acceptCluster` takes their ids.',
      resolve: ({ faces }) => [...faces],
    }),
    tightness: t.exposeFloat('tightness', {
      description: 'Mean cosine distance of the faces from their middle: the smaller, the surer.',
    }),
  }),
});

const Clusters = builder.objectRef<Shape>('Clusters').implement({
  description: 'People proposed out of the unassigned faces of a gallery.',
  fields: (t) => ({
    threshold: t.exposeFloat('threshold', {
      description: 'Cosine distance within which two faces were neighbours.',
    }),
    considered: t.exposeInt('considered', {
      description: 'Unassigned faces that were looked at: the 10,000 oldest.',
    }),
    found: t.exposeInt('found', { description: 'People proposed, whether shown or not.' }),
    clusters: t.field({
      type: [Cluster],
      description: 'Those with most faces first.',
      resolve: ({ clusters }) => [...clusters],
    }),
  }),
});

builder.queryFields((t) => ({
  cluster: t.field({
    type: Clusters,
    description:
      'Proposes people out of the unassigned faces of a gallery, or of those that one bulk job entered, by density (DBSCAN over cosine distance). Nothing is changed. Scope `gallery:read`.',
    authScopes: { galleryRead: true },
    // A person has a handful of faces.
    complexity: ({ first }) => ({
      field: IMAGE_COST,
      multiplier: 5 * Math.min(Math.max(first ?? 20, 1), 100),
    }),
    errors: {
      types: [
        failures.GalleryNotFound,
        failures.JobNotFound,
        failures.ModelUnavailable,
        failures.InvalidInput,
        failures.DeviceLost,
        failures.EngineBusy,
      ],
    },
    args: {
      gallery: t.arg({ type: GalleryBy, description: 'Where; either this or `job`.' }),
      job: t.arg.globalID({ for: [JobNode], description: 'The job that entered the faces.' }),
      first: t.arg.int({
        required: true,
        defaultValue: 20,
        description: 'People to show, 1 to 100.',
      }),
      minSize: t.arg.int({
        required: true,
        defaultValue: 3,
        description: 'Faces that make a person, 2 to 50: the more, the fewer wrong ones.',
      }),
      threshold: t.arg.float({
        description:
          "Cosine distance within which two faces are neighbours; the gallery's, else its model's own, when absent.",
      }),
    },
    resolve: (_root, { gallery, job, first, minSize, threshold }, context) =>
      proposePeople(context, clusterSource(gallery, job?.id), {
        first: within('first', first, 1, 100),
        minSize: within('minSize', minSize, 2, 50),
        threshold: cosineThreshold(threshold),
      }),
  }),
}));

function clusterSource(
  gallery: typeof GalleryBy.$inferInput | null | undefined,
  jobId: string | undefined,
): ClusterSource {
  if (gallery && jobId === undefined) return { gallery: galleryBy(gallery) };
  if (!gallery && jobId !== undefined) return { jobId };
  throw new FacegraphError('InvalidInput', 'either gallery or job must be given');
}

const AddedFaces = builder
  .objectRef<{ readonly added: readonly string[]; readonly known: readonly string[] }>('AddedFaces')
  .implement({
    description: 'What became of the faces of a photograph.',
    fields: (t) => ({
      added: t.prismaField({
        type: ['Face'],
        description: 'New in the gallery, without an identity.',
        resolve: (query, { added }, _args, { db }) =>
          db.face.findMany({ ...query, where: { id: { in: [...added] } }, orderBy: { id: 'asc' } }),
      }),
      known: t.prismaField({
        type: ['Face'],
        description: 'Those of this photograph that the gallery held already.',
        resolve: (query, { known }, _args, { db }) =>
          db.face.findMany({ ...query, where: { id: { in: [...known] } }, orderBy: { id: 'asc' } }),
      }),
    }),
  });

builder.mutationFields((t) => ({
  addUnknownFaces: t.field({
    type: AddedFaces,
    description:
      'Stores every face of a photograph without saying whose it is: `identify` does not find it, `similarFaces` and `cluster` do. The photograph is stored only where the gallery keeps images. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    complexity: { field: IMAGE_COST },
    errors: {
      types: [
        failures.NoFaceFound,
        failures.GalleryNotFound,
        failures.TokenInvalid,
        failures.ModelMismatch,
        failures.ModelUnavailable,
        failures.IdempotencyKeyReused,
        ...failures.IMAGE_FAILURES,
      ],
    },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Where to.' }),
      image: t.arg({
        type: ImageInput,
        required: true,
        description: 'The photograph, or a face of it.',
      }),
      ...IDEMPOTENCY,
    },
    resolve: async (_root, { image, ...args }, context) => {
      const source = await readFace(image, context);
      const request = { ...args, image: shownBy(source) };
      return once(context, 'addUnknownFaces', request, (service) =>
        addUnknownFaces(service, galleryBy(args.gallery), source),
      );
    },
  }),
  acceptCluster: t.prismaField({
    type: 'Identity',
    description:
      'Says whose some unassigned faces are: all of them or none. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: {
      types: [
        failures.FaceNotFound,
        failures.IdentityNotFound,
        failures.GalleryNotFound,
        failures.NameTaken,
        failures.IdempotencyKeyReused,
        failures.InvalidInput,
      ],
    },
    args: {
      faces: t.arg.globalIDList({
        required: true,
        for: [FaceNode],
        description: 'Unassigned faces of one gallery, 1 to 1000.',
      }),
      identity: t.arg({ type: EnrolIdentity, required: true, description: 'Whose they are.' }),
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, args, context) => {
      within('number of faces', args.faces.length, 1, 1000);
      const ids = args.faces.map(({ id }) => id);
      const id = await once(context, 'acceptCluster', args, (service) =>
        assignFaces(service, ids, enrolIdentity(args.identity)),
      );
      const where = { id, gallery: visible(context) };
      return still(await context.db.identity.findUnique({ ...query, where }));
    },
  }),
}));
