import { explainRule, type Rule } from '../faces/calibration/rule.ts';
import type { Person } from '../faces/search/people.ts';
import { builder } from './builder.ts';
import { Calibration } from './calibration.ts';
import { FaceNode } from './face.ts';

/** What an answer says of two faces. */
export const Decision = builder.enumType('Decision', {
  description: 'Whether two faces are one person, as far as distances tell.',
  values: {
    MATCH: { description: 'Near enough.' },
    REVIEW: {
      description:
        'Near, but not so near, or too few pairs were compared, that the false hit rate would be kept: a person should look.',
    },
    UNKNOWN: { description: 'Too far.' },
  } as const,
});

const Basis = builder.enumType('DecisionBasis', {
  description: 'Where a threshold comes from; the first that there is counts.',
  values: {
    ARGUMENT: { description: 'It was asked for.' },
    GALLERY: { description: "The gallery's own `threshold`." },
    CALIBRATION: { description: "The gallery's calibration, for as many faces as it has." },
    MODEL_CARD: {
      description: 'The model: nothing is known of its error rates in this gallery.',
    },
  } as const,
});

/** Of a distance, where it is told; the resolvers differ. */
export const FMR_ESTIMATE = {
  nullable: true,
  description:
    "Share of strangers that are as near or nearer, by the gallery's calibration, else by the model card; null where too few pairs were compared to say: then it lies under `fmrBelow`. Of one comparison, not of a search.",
} as const;
export const FMR_BELOW = {
  nullable: true,
  description:
    'What that share lies under with 95 % confidence, 3 divided by the number of pairs at the least; null where nothing is known, as of templates.',
} as const;

/** How the faces of one search were judged. */
export const DecisionRule = builder.objectRef<Rule>('DecisionRule').implement({
  description: 'How distances become decisions.',
  fields: (t) => ({
    basis: t.expose('basis', { type: Basis, description: 'Where the threshold comes from.' }),
    threshold: t.exposeFloat('threshold', {
      description:
        'Cosine distance up to which the decision is `MATCH`, or `REVIEW` unless `decisive`.',
    }),
    reviewThreshold: t.exposeFloat('reviewThreshold', {
      description:
        'Cosine distance up to which it is `REVIEW`; where calibrated, a stranger comes so near ten times as often as `falseHitRate` allows, at most.',
    }),
    decisive: t.exposeBoolean('decisive', {
      description:
        'Whether the threshold keeps `falseHitRate`. If not, the calibration has too few pairs for a gallery of this size, and there is no `MATCH`.',
    }),
    falseHitRate: t.float({
      nullable: true,
      description:
        "A stranger's chance to be found to be somebody that the threshold keeps; null without a calibration.",
      resolve: ({ kept }) => kept?.falseHitRate ?? null,
    }),
    comparisons: t.int({
      nullable: true,
      description: 'Enrolled faces that each face was compared with, for the calibration.',
      resolve: ({ kept }) => kept?.comparisons ?? null,
    }),
    fmrAllowed: t.float({
      nullable: true,
      description:
        'False match rate of one comparison that follows: 1 − (1 − falseHitRate)^(1/comparisons).',
      resolve: ({ kept }) => kept?.fmrAllowed ?? null,
    }),
    fmrSupported: t.float({
      nullable: true,
      description: "The lowest false match rate that the calibration's pairs can tell.",
      resolve: ({ kept }) => kept?.fmrSupported ?? null,
    }),
    calibration: t.field({
      type: Calibration,
      nullable: true,
      description: 'What the threshold was derived from; null on another basis.',
      resolve: ({ kept }) => kept?.calibration ?? null,
    }),
    explanation: t.string({
      description: 'How the threshold was derived, in one line for people.',
      resolve: explainRule,
    }),
  }),
});

/** Why a candidate is one, and why the decision. */
export const Explanation = builder.objectRef<Person>('Explanation').implement({
  description: 'Why somebody is a candidate, and why the decision is what it is.',
  fields: (t) => ({
    face: t.prismaField({
      type: FaceNode,
      nullable: true,
      description: 'The enrolled face that matched; null when templates are ranked.',
      resolve: (query, { face }, _args, { db }) =>
        face && db.face.findUnique({ ...query, where: { id: face.id } }),
    }),
    margin: t.exposeFloat('margin', {
      nullable: true,
      description:
        'How much farther the nearest other person is, as cosine distance: of the first candidate the lead, of others what they lack, negative. Null when there is nobody else.',
    }),
    calibration: t.field({
      type: Calibration,
      nullable: true,
      description:
        "What `fmrEstimate` was read from: the calibration of the person's gallery; null: the model card.",
      resolve: ({ calibration }) => calibration,
    }),
    rule: t.field({
      type: DecisionRule,
      description: 'The threshold, and how it was derived.',
      resolve: ({ rule }) => rule,
    }),
  }),
});
