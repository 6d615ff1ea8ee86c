import { landmarksFromValues, qualityFromRow } from '../faces/gallery/faceRow.ts';
import { deleteFace } from '../faces/gallery/galleries.ts';
import { qualityLimits } from '../faces/gallery/settings.ts';
import { visible } from '../faces/gallery/store.ts';
import { refusalsOf } from '../faces/quality/limits.ts';
import { builder } from './builder.ts';
import * as failures from './failures.ts';
import { Box, Landmarks } from './picture.ts';
import { Quality, QualityRefusalType } from './quality.ts';

/** An enrolled face. */
export const FaceNode = builder.prismaNode('Face', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id, context) => ({ id, gallery: visible(context) }),
  authScopes: {
    $any: { verify: true, identify: true, galleryRead: true, galleryWrite: true, embed: true },
  },
  fields: (t) => ({
    box: t.field({
      type: Box,
      description: 'Where the face was in the photograph.',
      resolve: ({ box: [x, y, width, height] }) => [x, y, width, height] as const,
    }),
    landmarks: t.field({
      type: Landmarks,
      description: 'Where its eyes, nose and mouth were.',
      resolve: ({ landmarks }) => landmarksFromValues(landmarks),
    }),
    confidence: t.exposeFloat('confidence', {
      description: 'Probability that this is a face, 0 to 1.',
    }),
    quality: t.field({
      type: Quality,
      nullable: true,
      description:
        'How well it can be recognised, measured when it was enrolled; null for a face that was enrolled before this was measured.',
      resolve: (face) => qualityFromRow(face),
    }),
    refusals: t.field({
      type: [QualityRefusalType],
      select: { gallery: true },
      description: 'Every limit of the gallery that its quality breaks; empty where it has none.',
      resolve: (face) => {
        const quality = qualityFromRow(face);
        return quality ? refusalsOf(quality, qualityLimits(face.gallery)) : [];
      },
    }),
    imageHash: t.exposeString('imageHash'),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was enrolled.' }),
    identity: t.relation('identity', {
      nullable: true,
      description: 'Whose face it is; null while nobody has been named.',
    }),
  }),
});

const DeletedFace = builder.objectRef<{ id: string }>('DeletedFace').implement({
  description: 'What is left of a deleted face.',
  fields: (t) => ({
    id: t.globalID({ description: 'The id it had.', resolve: ({ id }) => ({ type: 'Face', id }) }),
  }),
});

builder.mutationFields((t) => ({
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
