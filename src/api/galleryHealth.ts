import { resolveOffsetConnection } from '@pothos/plugin-relay';
import {
  confusablePairs,
  type ConfusablePair as Pair,
  type ConfusablePage as PairPage,
} from '../faces/gallery/confusable.ts';
import {
  countSingleFaced,
  type Outlier as OutlierShape,
  outlierRule,
  outliers,
  outlying,
  singleFaced,
  weakFaces,
  withoutConsent,
} from '../faces/gallery/health.ts';
import { findGallery } from '../faces/gallery/store.ts';
import type { Gallery } from '../generated/prisma/client.ts';
import { within } from './arguments.ts';
import { builder, IMAGE_COST, pageCost } from './builder.ts';
import { DecisionRule } from './decision.ts';
import { FaceNode } from './face.ts';
import { GalleryNotFound } from './failures.ts';
import { GalleryBy, GalleryNode, galleryBy } from './gallery.ts';
import { IdentityNode } from './identity.ts';

const CleanUp = builder.enumType('CleanUp', {
  description: 'What would put it right. Each can be undone with `undoEdit`.',
  values: {
    REASSIGN: { description: '`reassignFace` gives the face to the person it looks like.' },
    UNASSIGN: { description: '`unassignFaces` takes the face from the person.' },
    MERGE: { description: '`mergeIdentities` makes the two one, if they are one.' },
  },
});

const Outlier = builder.objectRef<OutlierShape>('Outlier').implement({
  description:
    'A face that would not match the others of its person: somebody else’s, or a bad crop.',
  fields: (t) => ({
    face: t.field({ type: FaceNode, description: 'Which one.', resolve: ({ face }) => face }),
    distance: t.exposeFloat('distance', {
      description: "Cosine distance from the mean of the person's other faces.",
    }),
    nearest: t.field({
      type: IdentityNode,
      nullable: true,
      description: 'Another person of the gallery that it matches, and better; null: nobody.',
      resolve: ({ nearest }) => nearest?.identity ?? null,
    }),
    nearestDistance: t.float({
      nullable: true,
      description: "Cosine distance from that person's template.",
      resolve: ({ nearest }) => nearest?.distance ?? null,
    }),
    cleanUp: t.field({
      type: CleanUp,
      description: 'What would put it right, once somebody has looked.',
      resolve: ({ nearest }) => (nearest ? 'REASSIGN' : 'UNASSIGN'),
    }),
  }),
});

const ConfusablePair = builder.objectRef<Pair>('ConfusablePair').implement({
  description: 'Two people of a gallery who would be taken for one.',
  fields: (t) => ({
    a: t.field({ type: IdentityNode, description: 'The one.', resolve: ({ a }) => a }),
    b: t.field({ type: IdentityNode, description: 'The other.', resolve: ({ b }) => b }),
    distance: t.exposeFloat('distance', { description: 'Cosine distance of their templates.' }),
    faceA: t.field({
      type: FaceNode,
      nullable: true,
      description: 'The face of the one that is nearest to the other.',
      resolve: ({ faces }) => faces?.a ?? null,
    }),
    faceB: t.field({
      type: FaceNode,
      nullable: true,
      description: 'The face of the other that is nearest to the one.',
      resolve: ({ faces }) => faces?.b ?? null,
    }),
    faceDistance: t.float({
      nullable: true,
      description: 'Cosine distance of those two faces.',
      resolve: ({ faces }) => faces?.distance ?? null,
    }),
    duplicate: t.exposeBoolean('duplicate', {
      description: 'Whether those faces are all but the same picture, held under two names.',
    }),
    cleanUp: t.field({
      type: CleanUp,
      description: 'What would put it right, once somebody has looked.',
      resolve: () => 'MERGE' as const,
    }),
  }),
});

const ConfusablePairs = builder.objectRef<PairPage>('ConfusablePairs').implement({
  description: 'A part of the search for people who would be taken for one another.',
  fields: (t) => ({
    pairs: t.field({
      type: [ConfusablePair],
      description: 'In the order of the people, each pair once.',
      resolve: ({ pairs }) => [...pairs],
    }),
    rule: t.field({
      type: DecisionRule,
      description:
        'What is near: that of `identify`, ranked by face, for the whole gallery. Means of strangers lie a little nearer to each other than their faces do.',
      resolve: ({ rule }) => rule,
    }),
    examined: t.exposeInt('examined', {
      description: 'People whose neighbours were looked at, at most 500 a call.',
    }),
    next: t.exposeString('next', {
      nullable: true,
      description: '`after` of the next call; null at the end.',
    }),
  }),
});

const GalleryHealth = builder.objectRef<Gallery>('GalleryHealth').implement({
  description: 'What is wrong with a gallery, as it is now.',
  fields: (t) => ({
    gallery: t.field({ type: GalleryNode, description: 'Which one.', resolve: (g) => g }),
    unmeasured: t.int({
      description: 'Faces of people that were enrolled before quality was measured.',
      resolve: ({ id: galleryId }, _args, { db }) =>
        db.face.count({ where: { galleryId, identityId: { not: null }, score: null } }),
    }),
    weakFaces: t.prismaConnection(
      {
        type: 'Face',
        cursor: 'id',
        description:
          'Faces of people that break a limit of the gallery, the worst first; `Face.refusals` says which. `unassignFaces` takes them away, and `undoEdit` brings them back.',
        complexity: pageCost,
        totalCount: (gallery, _args, { db }) => db.face.count({ where: weakFaces(gallery) }),
        resolve: (query, gallery, _args, { db }) =>
          db.face.findMany({
            ...query,
            where: weakFaces(gallery),
            orderBy: [{ score: 'asc' }, { id: 'asc' }],
          }),
      },
      { name: 'WeakFaceConnection' },
      { name: 'WeakFaceEdge' },
    ),
    outliers: t.connection(
      {
        type: Outlier,
        description:
          'Faces that would not match the rest of their person, the farthest first. Faces of people who were not changed since this is measured are not known.',
        complexity: (args) => ({ field: IMAGE_COST, multiplier: pageCost(args).multiplier }),
        resolve: async (gallery, args, context) => {
          const rule = await outlierRule(context, gallery);
          const totalCount = await context.db.face.count({ where: outlying(gallery, rule) });
          const page = await resolveOffsetConnection({ args, ...PAGE, totalCount }, (window) =>
            outliers(context, gallery, rule, window),
          );
          return { ...page, totalCount, rule };
        },
      },
      {
        name: 'OutlierConnection',
        fields: (f) => ({
          totalCount: f.exposeInt('totalCount'),
          rule: f.expose('rule', {
            type: DecisionRule,
            description: 'What is too far: that of `verify` for two faces.',
          }),
        }),
      },
      { name: 'OutlierEdge' },
    ),
    confusable: t.field({
      type: ConfusablePairs,
      description:
        'Pairs of people whose templates are within the threshold of `rule`: one person under two names, or two who need watching.',
      complexity: { field: IMAGE_COST, multiplier: 5 },
      args: {
        first: t.arg.int({
          required: true,
          defaultValue: 20,
          description: 'Pairs, 1 to 100; those of the last person come whole.',
        }),
        after: t.arg.string({ description: '`next` of the call before.' }),
      },
      resolve: (gallery, { first, after }, context) =>
        confusablePairs(context, gallery, {
          first: within('first', first, 1, 100),
          after: after ?? '',
        }),
    }),
    withoutConsent: t.prismaConnection(
      {
        type: 'Identity',
        cursor: 'id',
        description:
          'People without a consent, or with one that has ended. `updateIdentity` records one, `eraseIdentity` forgets them for good.',
        complexity: pageCost,
        totalCount: (gallery, _args, { db }) =>
          db.identity.count({ where: withoutConsent(gallery) }),
        resolve: (query, gallery, _args, { db }) =>
          db.identity.findMany({
            ...query,
            where: withoutConsent(gallery),
            orderBy: { id: 'asc' },
          }),
      },
      { name: 'WithoutConsentConnection' },
      { name: 'WithoutConsentEdge' },
    ),
    singleFaced: t.connection(
      {
        type: IdentityNode,
        description:
          'People with one face: whether it is theirs cannot be told from others. Enrol another.',
        complexity: pageCost,
        resolve: async (gallery, args, { db }) => {
          const totalCount = await countSingleFaced(db, gallery);
          const page = await resolveOffsetConnection({ args, ...PAGE, totalCount }, (window) =>
            singleFaced(db, gallery, window),
          );
          return { ...page, totalCount };
        },
      },
      {
        name: 'SingleFacedConnection',
        fields: (f) => ({ totalCount: f.exposeInt('totalCount') }),
      },
      { name: 'SingleFacedEdge' },
    ),
  }),
});

const PAGE = { defaultSize: 20, maxSize: 100 };

builder.queryFields((t) => ({
  galleryHealth: t.field({
    type: GalleryHealth,
    description:
      'Weak faces, outliers, confusable people, missing consent and people with one face, each with what would put it right. Nothing is changed. Scope `gallery:read`.',
    authScopes: { galleryRead: true },
    errors: { types: [GalleryNotFound] },
    args: { gallery: t.arg({ type: GalleryBy, required: true, description: 'Which one.' }) },
    resolve: (_root, { gallery }, context) => findGallery(context, galleryBy(gallery)),
  }),
}));
