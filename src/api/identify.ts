import {
  type Found,
  identifyPeople,
  type PeopleIdentified,
} from '../faces/search/identifyPeople.ts';
import type { Person } from '../faces/search/people.ts';
import { builder, IMAGE_COST, topCost } from './builder.ts';
import { Decision, DecisionRule, Explanation, FMR_BELOW, FMR_ESTIMATE } from './decision.ts';
import { FaceNode } from './face.ts';
import * as failures from './failures.ts';
import { IdentityNode } from './identity.ts';
import { ImageInput, readFace } from './image.ts';
import { DetectedFace, type IndexedFace, indexed } from './picture.ts';
import { SEARCH_ARGS, searchedGalleries, searchOptions } from './searchArguments.ts';

/** Somebody near a face. */
export const Candidate = builder.objectRef<Person>('Candidate').implement({
  description: 'Somebody of a gallery who is near a face; `identity.gallery` says which.',
  fields: (t) => ({
    // Read again with what the request selects: Prisma makes one query of those of all candidates.
    identity: t.prismaField({
      type: IdentityNode,
      description: 'Who it is.',
      resolve: (query, { identity: { id } }, _args, { db }) =>
        db.identity.findUniqueOrThrow({ ...query, where: { id } }),
    }),
    face: t.prismaField({
      type: FaceNode,
      nullable: true,
      description: "The person's enrolled face that is nearest; null when templates are ranked.",
      resolve: (query, { face }, _args, { db }) =>
        face && db.face.findUnique({ ...query, where: { id: face.id } }),
    }),
    distance: t.exposeFloat('distance', { description: 'Cosine distance, 0 (same) to 2.' }),
    decision: t.expose('decision', {
      type: Decision,
      description: 'Whether it is this person, by the `rule` of the search.',
    }),
    fmrEstimate: t.float({ ...FMR_ESTIMATE, resolve: ({ fmr }) => fmr?.fmr ?? null }),
    fmrBelow: t.float({ ...FMR_BELOW, resolve: ({ fmr }) => fmr?.below ?? null }),
    explain: t.field({
      type: Explanation,
      description: 'Why this person, and why this decision.',
      resolve: (person) => person,
    }),
  }),
});

const IdentifiedFace = builder
  .objectRef<Found & { readonly face: IndexedFace }>('IdentifiedFace')
  .implement({
    description: 'One face of the image and the people near it.',
    fields: (t) => ({
      face: t.field({
        type: DetectedFace,
        description: 'Where it is in the image.',
        resolve: ({ face }) => face,
      }),
      match: t.field({
        type: Candidate,
        nullable: true,
        description:
          'The nearest person where the decision is `MATCH`; null: nobody known, or nobody for sure.',
        resolve: ({ match }) => match,
      }),
      candidates: t.field({
        type: [Candidate],
        description: 'The nearest people, nearest first, whether they match or not.',
        resolve: ({ candidates }) => candidates,
      }),
    }),
  });

const Identification = builder.objectRef<PeopleIdentified>('Identification').implement({
  description: 'Who of one or several galleries is in an image.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'The embedding model of the galleries.' }),
    threshold: t.float({
      description: 'Cosine distance up to which a face matches; `rule` says why.',
      resolve: ({ rule }) => rule.threshold,
    }),
    rule: t.field({
      type: DecisionRule,
      description: 'How the faces were judged.',
      resolve: ({ rule }) => rule,
    }),
    width: t.int({
      description: 'Of the upright image, in pixels.',
      resolve: ({ probe }) => probe.width,
    }),
    height: t.int({
      description: 'Of the upright image, in pixels.',
      resolve: ({ probe }) => probe.height,
    }),
    faces: t.field({
      type: [IdentifiedFace],
      description: 'Every face of the image, most confident first.',
      resolve: ({ faces, probe }, _args, context) => {
        const places = indexed(probe.faces, probe, context);
        return faces.map((found, i) => ({ ...found, face: places[i] }));
      },
    }),
  }),
});

builder.queryFields((t) => ({
  identify: t.field({
    type: Identification,
    description:
      'Compares every face of an image with everybody in one or several galleries of one model: exactly, on the GPU, up to the size (`FACEGRAPH_EXACT_LIMIT`) from which the database is asked, which is not exact. Scope `identify`.',
    authScopes: { identify: true },
    complexity: ({ top }) => topCost(IMAGE_COST, top),
    errors: {
      types: [
        failures.GalleryNotFound,
        failures.NoFaceFound,
        failures.TokenInvalid,
        failures.ModelMismatch,
        failures.ModelUnavailable,
        ...failures.IMAGE_FAILURES,
      ],
    },
    args: {
      image: t.arg({
        type: ImageInput,
        required: true,
        description: 'The photograph, or a face of it.',
      }),
      ...SEARCH_ARGS,
    },
    resolve: async (_root, { image, ...args }, context) => {
      const options = searchOptions(args);
      const source = await readFace(image, context);
      return identifyPeople(context, searchedGalleries(args), source, options);
    },
  }),
}));
