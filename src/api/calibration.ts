import { fingerprint } from '../faces/calibration/fingerprint.ts';
import { curveOf, pointsOf } from '../faces/calibration/inForce.ts';
import type { PromisedPoint } from '../faces/calibration/measure.ts';
import { calibrate } from '../faces/jobs/calibrate.ts';
import { finestFmr, type OperatingPoint } from '../faces/statistics/errorRates.ts';
import { builder, pageCost } from './builder.ts';
import { GalleryNotFound, IdempotencyKeyReused, InvalidInput, ModelMismatch } from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';

const RATES = {
  threshold: 'Cosine distance up to which two faces match.',
  fmr: 'False match rate: share of impostor pairs that match.',
  fnmr: 'False non-match rate: share of genuine pairs that do not.',
};

const CurvePoint = builder.objectRef<OperatingPoint>('CurvePoint').implement({
  description: 'What a threshold costs.',
  fields: (t) => ({
    threshold: t.exposeFloat('threshold', { description: RATES.threshold }),
    fmr: t.exposeFloat('fmr', { description: RATES.fmr }),
    fnmr: t.exposeFloat('fnmr', { description: RATES.fnmr }),
  }),
});

const Point = builder.objectRef<PromisedPoint>('OperatingPoint').implement({
  description: 'The threshold for a false match rate, and what was measured at it.',
  fields: (t) => ({
    promised: t.exposeFloat('promised', { description: 'The false match rate that it keeps.' }),
    threshold: t.exposeFloat('threshold', { description: RATES.threshold }),
    fmr: t.exposeFloat('fmr', { description: RATES.fmr }),
    fmrInterval: t.floatList({
      description:
        "Its 95 % interval, low and high (Wilson's: pairs count as independent, so it is somewhat too narrow).",
      resolve: ({ fmrInterval }) => [...fmrInterval],
    }),
    fnmr: t.exposeFloat('fnmr', { description: RATES.fnmr }),
    fnmrInterval: t.floatList({
      description: 'Its 95 % interval, low and high, as for `fmrInterval`.',
      resolve: ({ fnmrInterval }) => [...fnmrInterval],
    }),
  }),
});

/** What comparing a gallery's own faces told of distances. */
export const Calibration = builder.prismaObject('Calibration', {
  description:
    "What comparing a gallery's own faces told of distances. It holds shares of pairs, of nobody in particular.",
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When it was made.' }),
    model: t.exposeString('model'),
    fingerprint: t.exposeString('fingerprint'),
    seed: t.exposeInt('seed'),
    inForce: t.boolean({
      description:
        'Whether decisions follow it: neither a later one nor another model, other weights or another crop has taken its place.',
      resolve: (made) => made.voidedAt === null && made.fingerprint === fingerprint(made.model),
    }),
    voidedAt: t.expose('voidedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a later calibration or another model took its place.',
    }),
    identities: t.exposeInt('identities'),
    faces: t.exposeInt('faces'),
    genuinePairs: t.exposeInt('genuinePairs', {
      description: 'Pairs of two faces of one person, of two photographs.',
    }),
    impostorPairs: t.exposeInt('impostorPairs', {
      description: 'Pairs of faces of two people, of two photographs.',
    }),
    fmrSupported: t.float({
      description: 'The lowest false match rate that so many pairs can tell: 3 / impostorPairs.',
      resolve: ({ impostorPairs }) => finestFmr(impostorPairs),
    }),
    equalErrorRate: t.exposeFloat('equalErrorRate'),
    equalErrorThreshold: t.exposeFloat('equalErrorThreshold'),
    points: t.field({
      type: [Point],
      description:
        'Thresholds for false match rates from 0.1 to 0.000001, as far as the pairs allow.',
      resolve: (made) => [...pointsOf(made)],
    }),
    curve: t.field({
      type: [CurvePoint],
      description:
        'Both error rates by ascending threshold: from the threshold that no impostor is within to that of all, at most about 150 points.',
      resolve: (made) => [...curveOf(made)],
    }),
  }),
});

builder.prismaObjectFields('Gallery', (t) => ({
  calibration: t.field({
    type: Calibration,
    nullable: true,
    description: 'The calibration in force; null: the model card decides.',
    authScopes: { galleryRead: true },
    select: { model: true, calibrations: { where: { voidedAt: null } } },
    resolve: ({ model, calibrations: [made] }) =>
      made && made.fingerprint === fingerprint(model) ? made : null,
  }),
  calibrations: t.relatedConnection(
    'calibrations',
    {
      description: 'Every calibration of the gallery, newest first.',
      authScopes: { galleryRead: true },
      cursor: 'id',
      totalCount: true,
      complexity: pageCost,
      query: { orderBy: { id: 'desc' } },
    },
    { name: 'CalibrationConnection' },
    { name: 'CalibrationEdge' },
  ),
}));

builder.mutationField('calibrate', (t) =>
  t.prismaField({
    type: 'Job',
    description:
      "Makes a job that calibrates a gallery: it compares the gallery's own faces, a bounded sample of them, to find what distances mean. From then on `identify` and `verify` decide by it. It takes two photographs of somebody at least, and 30 pairs of two people; else the job fails. Scope `gallery:write`.",
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, ModelMismatch, InvalidInput, IdempotencyKeyReused] },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Which one.' }),
      seed: t.arg.int({
        required: true,
        defaultValue: 1,
        description: 'Chooses the faces of a large gallery: the same for the same seed.',
      }),
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, args, context) => {
      const { gallery, seed } = args;
      const { id } = await once(context, 'calibrate', args, (service) =>
        calibrate(service, context.key!.id, galleryBy(gallery), { seed }),
      );
      return still(await context.db.job.findUnique({ ...query, where: { id } }));
    },
  }),
);
