import {
  type ProbesVerified,
  type VerifiedPair,
  verifyProbes,
} from '../faces/search/verifyProbes.ts';
import { cosineThreshold } from './arguments.ts';
import { builder, IMAGE_COST } from './builder.ts';
import type { Context } from './context.ts';
import { Decision, DecisionRule, FMR_BELOW, FMR_ESTIMATE } from './decision.ts';
import { FaceNode } from './face.ts';
import * as failures from './failures.ts';
import { DetectedFace, type IndexedFace, indexed } from './picture.ts';
import { ProbeInput, readSide } from './probe.ts';

interface IndexedPair extends Omit<VerifiedPair, 'a' | 'b'> {
  readonly a: IndexedFace | null;
  readonly b: IndexedFace | null;
}

const FacePair = builder.objectRef<IndexedPair>('FacePair').implement({
  description: 'One face or person of the first side beside one of the second.',
  fields: (t) => ({
    a: t.field({
      type: DetectedFace,
      nullable: true,
      description: 'The face of the first side; null for an identity.',
      resolve: (pair) => pair.a,
    }),
    b: t.field({
      type: DetectedFace,
      nullable: true,
      description: 'The face of the second side; null for an identity.',
      resolve: (pair) => pair.b,
    }),
    aEnrolled: t.field({
      type: FaceNode,
      nullable: true,
      description:
        "Where the first side is an identity: its enrolled face that is nearest to the other side's.",
      resolve: (pair) => pair.aEnrolled,
    }),
    bEnrolled: t.field({
      type: FaceNode,
      nullable: true,
      description:
        "Where the second side is an identity: its enrolled face that is nearest to the other side's.",
      resolve: (pair) => pair.bEnrolled,
    }),
    distance: t.exposeFloat('distance', {
      description:
        'Cosine distance of the two faces, 0 (same) to 2; of one person mostly below the threshold. An identity counts by its nearest enrolled face.',
    }),
    templateDistance: t.exposeFloat('templateDistance', {
      nullable: true,
      description:
        'The same with the template of the identity, the mean of its enrolled faces, in place of the nearest; null without an identity. `match` does not look at it.',
    }),
    match: t.boolean({
      description: 'Whether the decision is `MATCH`.',
      resolve: ({ decision }) => decision === 'MATCH',
    }),
    decision: t.expose('decision', {
      type: Decision,
      description: 'Whether both are one person, by `distance` and the `rule` of the comparison.',
    }),
    fmrEstimate: t.float({ ...FMR_ESTIMATE, resolve: ({ fmr }) => fmr?.fmr ?? null }),
    fmrBelow: t.float({ ...FMR_BELOW, resolve: ({ fmr }) => fmr?.below ?? null }),
  }),
});

const Verification = builder.objectRef<ProbesVerified>('Verification').implement({
  description: 'Whether two sides show the same people.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'The embedding model that compared them.' }),
    threshold: t.float({
      description: 'Cosine distance up to which a pair matches; `rule` says why.',
      resolve: ({ rule }) => rule.threshold,
    }),
    rule: t.field({
      type: DecisionRule,
      description: 'How the pairs were judged.',
      resolve: ({ rule }) => rule,
    }),
    match: t.boolean({
      description: 'Whether any pair matches: somebody is on both sides.',
      resolve: ({ pairs }) => pairs.some(({ decision }) => decision === 'MATCH'),
    }),
    pairs: t.field({
      type: [FacePair],
      description: 'Every face of the first with every face of the second, nearest pair first.',
      resolve: (verified, _args, context) => indexedPairs(verified, context),
    }),
  }),
});

builder.queryFields((t) => ({
  verify: t.field({
    type: Verification,
    description:
      'Compares every face of one side with every face of another; each is a photograph, a face of an earlier one, or a person of a gallery. Scope `verify`.',
    authScopes: { verify: true },
    complexity: { field: 2 * IMAGE_COST },
    errors: {
      types: [
        failures.NoFaceFound,
        failures.IdentityNotFound,
        failures.TokenInvalid,
        failures.ModelMismatch,
        failures.ModelUnavailable,
        ...failures.IMAGE_FAILURES,
      ],
    },
    args: {
      a: t.arg({ type: ProbeInput, required: true, description: 'The first side.' }),
      b: t.arg({ type: ProbeInput, required: true, description: 'The second side.' }),
      model: t.arg.string({
        description:
          "Embedding model, one of `models`; that of the identity's gallery, else `facenet-vggface2`, when absent.",
      }),
      threshold: t.arg.float({
        description:
          "Cosine distance; the gallery's of an identity or its calibration's, else the model's, when absent.",
      }),
    },
    resolve: async (_root, { model, ...args }, context) => {
      const threshold = cosineThreshold(args.threshold);
      const [a, b] = await Promise.all([readSide(args.a, context), readSide(args.b, context)]);
      return verifyProbes(context, a, b, { model, threshold });
    },
  }),
}));

// The pairs are sorted by distance; an index says where a face stands in the answer of `detect`.
function indexedPairs({ pairs, a, b }: ProbesVerified, context: Context): IndexedPair[] {
  const [left, right] = [a, b].map((probe) => {
    const all = probe ? indexed(probe.faces, probe, context) : [];
    return new Map(probe?.faces.map((face, i) => [face, all[i]]));
  });
  return pairs.map((pair) => ({
    ...pair,
    a: (pair.a && left.get(pair.a)) ?? null,
    b: (pair.b && right.get(pair.b)) ?? null,
  }));
}
