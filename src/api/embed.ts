import { DEFAULT_MODELS } from '../engine/weights/manifest.ts';
import {
  type Embedded,
  embedFaces,
  type EmbeddedFace as Shape,
} from '../faces/search/embedFaces.ts';
import { type EmbeddingFound, searchByEmbedding } from '../faces/search/identifyPeople.ts';
import { builder, IMAGE_COST, topCost } from './builder.ts';
import { DecisionRule } from './decision.ts';
import * as failures from './failures.ts';
import { Candidate } from './identify.ts';
import { ImageInput, readFace } from './image.ts';
import { DetectedFace, type IndexedFace, indexed } from './picture.ts';
import { SEARCH_ARGS, searchedGalleries, searchOptions } from './searchArguments.ts';

const EmbeddedFace = builder
  .objectRef<Omit<Shape, 'face'> & { readonly face: IndexedFace }>('EmbeddedFace')
  .implement({
    description: 'A face as numbers.',
    fields: (t) => ({
      face: t.field({
        type: DetectedFace,
        description: 'Where it is in the image.',
        resolve: ({ face }) => face,
      }),
      embedding: t.floatList({
        description: 'L2-normalised: the cosine distance of two is 1 minus their dot product.',
        // Up to 40 KB of JSON a face, and again under each alias.
        complexity: IMAGE_COST / 5,
        resolve: ({ embedding }) => [...embedding],
      }),
    }),
  });

const Embeddings = builder.objectRef<Embedded>('Embeddings').implement({
  description: 'The embeddings of the faces of an image.',
  fields: (t) => ({
    model: t.exposeString('model', {
      description: 'The model that made them; those of another cannot be compared with them.',
    }),
    faces: t.field({
      type: [EmbeddedFace],
      description: 'Every face of the image, most confident first.',
      resolve: ({ faces, probe }, _args, context) => {
        const places = indexed(probe.faces, probe, context);
        return faces.map((embedded, i) => ({ ...embedded, face: places[i] }));
      },
    }),
  }),
});

const EmbeddingSearch = builder.objectRef<EmbeddingFound>('EmbeddingSearch').implement({
  description: 'Who of one or several galleries is near an embedding.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'The embedding model of the galleries.' }),
    threshold: t.float({
      description: 'Cosine distance up to which somebody matches; `rule` says why.',
      resolve: ({ rule }) => rule.threshold,
    }),
    rule: t.field({
      type: DecisionRule,
      description: 'How the people were judged.',
      resolve: ({ rule }) => rule,
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

builder.queryFields((t) => ({
  embed: t.field({
    type: Embeddings,
    description:
      'The embedding of every face of an image, to be kept and compared elsewhere. Scope `embed`.',
    authScopes: { embed: true },
    complexity: { field: IMAGE_COST },
    errors: {
      types: [
        failures.NoFaceFound,
        failures.TokenInvalid,
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
      model: t.arg.string({
        required: true,
        defaultValue: DEFAULT_MODELS[1],
        description: 'Embedding model, one of `models`.',
      }),
    },
    resolve: async (_root, { image, model }, context) =>
      embedFaces(context, await readFace(image, context), model),
  }),
  searchByEmbedding: t.field({
    type: EmbeddingSearch,
    description:
      'Compares an embedding with everybody in one or several galleries of one model. Scope `embed`.',
    authScopes: { embed: true },
    complexity: ({ top }) => topCost(IMAGE_COST / 10, top),
    errors: {
      types: [
        failures.GalleryNotFound,
        failures.ModelMismatch,
        failures.ModelUnavailable,
        failures.InvalidInput,
        failures.DeviceLost,
        failures.EngineBusy,
      ],
    },
    args: {
      embedding: t.arg.floatList({
        required: true,
        description:
          "As many numbers as the galleries' model makes, normalised or not. Give it as a variable: a query may not be that long.",
      }),
      ...SEARCH_ARGS,
    },
    resolve: (_root, { embedding, ...args }, context) =>
      searchByEmbedding(context, searchedGalleries(args), embedding, searchOptions(args)),
  }),
}));
