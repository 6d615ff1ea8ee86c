import type { Point } from '../engine/face.ts';
import { FacegraphError } from '../errors.ts';
import { deleteFace, type Enrolment, enrolFace } from '../faces/gallery/galleries.ts';
import { visible } from '../faces/gallery/store.ts';
import { builder, IMAGE_COST } from './builder.ts';
import * as failures from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IdentityNode } from './identity.ts';
import { ImageInput, readImage } from './image.ts';
import { personFields } from './person.ts';
import { Box, Landmarks } from './picture.ts';

/** An enrolled face. */
export const FaceNode = builder.prismaNode('Face', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id, context) => ({ id, gallery: visible(context) }),
  authScopes: { $any: { identify: true, galleryRead: true, galleryWrite: true } },
  fields: (t) => ({
    box: t.field({
      type: Box,
      description: 'Where the face was in the photograph.',
      resolve: ({ box: [x, y, width, height] }) => [x, y, width, height] as const,
    }),
    landmarks: t.field({
      type: Landmarks,
      description: 'Where its eyes, nose and mouth were.',
      resolve: ({ landmarks }) => {
        const point = (i: number): Point => [landmarks[2 * i], landmarks[2 * i + 1]];
        const [leftEye, rightEye, nose, mouthLeft, mouthRight] = [0, 1, 2, 3, 4].map(point);
        return { leftEye, rightEye, nose, mouthLeft, mouthRight };
      },
    }),
    confidence: t.exposeFloat('confidence', {
      description: 'Probability that this is a face, 0 to 1.',
    }),
    imageHash: t.exposeString('imageHash'),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was enrolled.' }),
    identity: t.relation('identity', { description: 'Whose face it is.' }),
  }),
});

const NewIdentity = builder.inputType('NewIdentity', {
  description: 'A person to be entered into a gallery.',
  fields: (t) => ({
    gallery: t.field({ type: GalleryBy, required: true, description: 'Where to.' }),
    ...personFields(t),
  }),
});

const EnrolIdentity = builder.inputType('EnrolIdentity', {
  description: 'Whose face it is, by one of the two.',
  isOneOf: true,
  fields: (t) => ({
    id: t.globalID({ for: [IdentityNode], description: 'A person of a gallery.' }),
    new: t.field({ type: NewIdentity, description: 'Somebody new, entered with the face.' }),
  }),
});

const DeletedFace = builder.objectRef<{ id: string }>('DeletedFace').implement({
  description: 'What is left of a deleted face.',
  fields: (t) => ({
    id: t.globalID({ description: 'The id it had.', resolve: ({ id }) => ({ type: 'Face', id }) }),
  }),
});

builder.mutationFields((t) => ({
  enrolFace: t.prismaField({
    type: 'Face',
    description:
      'Stores the embedding of one face of a photograph; `identify` finds it from then on. The photograph is not stored. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    complexity: { field: IMAGE_COST },
    errors: {
      types: [
        failures.NoFaceFound,
        failures.MultipleFacesFound,
        failures.DuplicateFace,
        failures.GalleryNotFound,
        failures.IdentityNotFound,
        failures.NameTaken,
        failures.ModelUnavailable,
        ...failures.IMAGE_FAILURES,
      ],
    },
    args: {
      identity: t.arg({ type: EnrolIdentity, required: true, description: 'Whose face it is.' }),
      image: t.arg({ type: ImageInput, required: true, description: 'The photograph.' }),
      face: t.arg.int({
        description: 'Index of the face among several, as in `MultipleFacesFound` and `detect`.',
      }),
    },
    resolve: async (query, _root, { identity, image, face }, context) => {
      const enrolment = { identity: enrolIdentity(identity), upload: await readImage(image), face };
      const { id } = await enrolFace(context, enrolment);
      return context.db.face.findUniqueOrThrow({ ...query, where: { id } });
    },
  }),
  deleteFace: t.field({
    type: DeletedFace,
    description: 'Deletes one face of a person, for good. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [failures.FaceNotFound] },
    args: { id: t.arg.globalID({ required: true, for: [FaceNode], description: 'Which one.' }) },
    resolve: async (_root, { id }, context) => {
      await deleteFace(context, id.id);
      return { id: id.id };
    },
  }),
}));

function enrolIdentity(input: typeof EnrolIdentity.$inferInput): Enrolment['identity'] {
  if (input.id) return { id: input.id.id };
  if (!input.new) throw new FacegraphError('InvalidInput', 'identity needs id or new');
  return { gallery: galleryBy(input.new.gallery), new: input.new };
}
