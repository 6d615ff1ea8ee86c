import type { Face } from '../engine/face.ts';
import { type FacePair as Pair, type Verification as Shape, verify } from '../faces/verify.ts';
import { cosineThreshold } from './arguments.ts';
import { builder, IMAGE_COST } from './builder.ts';
import { IMAGE_FAILURES, ModelUnavailable, NoFaceFound } from './failures.ts';
import { ImageInput, readImage } from './image.ts';
import { DetectedFace, type IndexedFace } from './picture.ts';

interface IndexedPair {
  readonly a: IndexedFace;
  readonly b: IndexedFace;
  readonly distance: number;
  readonly match: boolean;
}

const FacePair = builder.objectRef<IndexedPair>('FacePair').implement({
  description: 'One face of the first image beside one face of the second.',
  fields: (t) => ({
    a: t.field({ type: DetectedFace, description: 'In the first image.', resolve: (p) => p.a }),
    b: t.field({ type: DetectedFace, description: 'In the second image.', resolve: (p) => p.b }),
    distance: t.exposeFloat('distance', {
      description: 'Cosine distance, 0 (same) to 2; of one person mostly below the threshold.',
    }),
    match: t.exposeBoolean('match', { description: 'Whether `distance` ≤ `threshold`.' }),
  }),
});

const Verification = builder.objectRef<Shape>('Verification').implement({
  description: 'Whether two images show the same people.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'The embedding model that compared them.' }),
    threshold: t.exposeFloat('threshold', {
      description: 'Cosine distance up to which a pair matches.',
    }),
    pairs: t.field({
      type: [FacePair],
      description: 'Every face of the first with every face of the second, nearest pair first.',
      resolve: ({ pairs }) => indexed(pairs),
    }),
  }),
});

builder.queryFields((t) => ({
  verify: t.field({
    type: Verification,
    description: 'Compares every face of one image with every face of another. Scope `verify`.',
    authScopes: { verify: true },
    complexity: { field: 2 * IMAGE_COST },
    errors: { types: [NoFaceFound, ModelUnavailable, ...IMAGE_FAILURES] },
    args: {
      a: t.arg({ type: ImageInput, required: true, description: 'The first image.' }),
      b: t.arg({ type: ImageInput, required: true, description: 'The second image.' }),
      model: t.arg.string({
        required: true,
        defaultValue: 'facenet-vggface2',
        description: 'Embedding model, one of `models`.',
      }),
      threshold: t.arg.float({ description: "Cosine distance; the model's own when absent." }),
    },
    resolve: async (_root, args, { engine }) => {
      const threshold = cosineThreshold(args.threshold);
      const [a, b] = await Promise.all([readImage(args.a), readImage(args.b)]);
      const embedder = await engine.embedder(args.model);
      return verify(engine, embedder, a.image, b.image, { threshold });
    },
  }),
}));

// The pairs are sorted by distance; an index says where a face stands in the answer of `detect`,
// which is sorted by confidence.
function indexed(pairs: readonly Pair[]): IndexedPair[] {
  const order = (side: 'a' | 'b'): Face[] =>
    [...new Set(pairs.map((pair) => pair[side]))].sort((p, q) => q.confidence - p.confidence);
  const [left, right] = [order('a'), order('b')];
  return pairs.map(({ a, b, ...pair }) => ({
    ...pair,
    a: { ...a, index: left.indexOf(a) },
    b: { ...b, index: right.indexOf(b) },
  }));
}
