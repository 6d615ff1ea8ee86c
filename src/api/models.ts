import { hasWeights, pullCommand } from '../engine/weights/load.ts';
import { type Manifest, manifests } from '../engine/weights/manifest.ts';
import { builder } from './builder.ts';

const ModelKind = builder.enumType('ModelKind', {
  description: 'What a model does.',
  values: {
    DETECTOR: { value: 'detector', description: 'Finds faces.' },
    EMBEDDER: { value: 'embedder', description: 'Turns a face into numbers to compare.' },
    CLASSIFIER: { value: 'classifier', description: 'Names what it was trained on.' },
  } as const,
});

const Model = builder.objectRef<Manifest>('Model').implement({
  description: 'A neural network this server knows.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What other fields call it.' }),
    kind: t.field({ type: ModelKind, description: 'What it does.', resolve: ({ kind }) => kind }),
    revision: t.exposeInt('revision', {
      description:
        'Raised when faces are cut or prepared for it otherwise: embeddings of two revisions cannot be compared.',
    }),
    dimensions: t.exposeInt('dimensions', {
      nullable: true,
      description: 'Numbers in an embedding.',
    }),
    threshold: t.exposeFloat('threshold', {
      nullable: true,
      description: 'Cosine distance up to which two faces match unless a call says otherwise.',
    }),
    description: t.string({
      description: 'What it is, in a sentence.',
      resolve: ({ card }) => card.description,
    }),
    licence: t.string({
      description: 'Licence of the weights.',
      resolve: ({ licence }) => licence.name,
    }),
    available: t.boolean({
      description: 'Whether its weights are on the server.',
      resolve: ({ name }) => hasWeights(name),
    }),
    getIt: t.string({
      nullable: true,
      description: 'The command that gets the weights; null when they are here.',
      resolve: ({ name }) => (hasWeights(name) ? null : pullCommand(name)),
    }),
  }),
});

builder.queryFields((t) => ({
  models: t.field({
    type: [Model],
    description: 'The models this server knows, defaults first. Any valid key.',
    authScopes: { authenticated: true },
    resolve: () => [...manifests()],
  }),
}));
