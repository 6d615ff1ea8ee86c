import { type SimilarFace as Shape, similarFaces } from '../faces/search/similarFaces.ts';
import { within } from './arguments.ts';
import { builder, topCost } from './builder.ts';
import { FaceNode } from './face.ts';
import { DeviceLost, EngineBusy, FaceNotFound, InvalidInput, ModelMismatch } from './failures.ts';

const SimilarFace = builder.objectRef<Shape>('SimilarFace').implement({
  description: 'An enrolled face near another one.',
  fields: (t) => ({
    face: t.field({
      type: FaceNode,
      description: 'The face; `identity` says whose.',
      resolve: ({ face }) => face,
    }),
    distance: t.exposeFloat('distance', { description: 'Cosine distance, 0 (same) to 2.' }),
  }),
});

const SimilarFaces = builder.objectRef<readonly Shape[]>('SimilarFaces').implement({
  description: 'The neighbours of an enrolled face in its gallery.',
  fields: (t) => ({
    faces: t.field({
      type: [SimilarFace],
      description: 'Nearest first; the face itself is not among them.',
      resolve: (faces) => [...faces],
    }),
  }),
});

builder.queryFields((t) => ({
  similarFaces: t.field({
    type: SimilarFaces,
    description:
      'The faces nearest to an enrolled one in its gallery, whoever they belong to and unassigned ones too. Scope `identify`.',
    authScopes: { identify: true },
    complexity: ({ top }) => topCost(10, top),
    errors: { types: [FaceNotFound, ModelMismatch, InvalidInput, DeviceLost, EngineBusy] },
    args: {
      face: t.arg.globalID({ required: true, for: [FaceNode], description: 'Whose neighbours.' }),
      top: t.arg.int({ required: true, defaultValue: 10, description: 'How many, 1 to 100.' }),
    },
    resolve: (_root, { face, top }, context) =>
      similarFaces(context, face.id, within('top', top, 1, 100)),
  }),
}));
