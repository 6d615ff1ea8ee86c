import { fingerprint } from '../faces/calibration/fingerprint.ts';
import type { Figure } from '../faces/evaluation/figure.ts';
import { FINEST, type MaskCondition, type MaskGroup } from '../faces/evaluation/maskFigures.ts';
import { maskReport } from '../faces/jobs/maskReport.ts';
import { figuresOf, type Stored } from '../faces/maskReport/report.ts';
import { within } from './arguments.ts';
import { builder, pageCost } from './builder.ts';
import * as failures from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';

type Rates = Stored<Omit<MaskCondition, 'name' | 'threshold'>>;

const CONDITIONS = {
  unmasked: 'UNMASKED',
  'masked probe': 'MASKED_PROBE',
  'both masked': 'BOTH_MASKED',
  'masked enrolment': 'MASKED_ENROLMENT',
} as const;

const Condition = builder.enumType('MaskCondition', {
  description: 'What is compared with what.',
  values: {
    UNMASKED: { description: 'Photographs as they are.' },
    MASKED_PROBE: { description: 'A masked photograph with an unmasked enrolled one.' },
    BOTH_MASKED: { description: 'A masked photograph with a masked enrolled one.' },
    MASKED_ENROLMENT: {
      description:
        'A masked photograph with the nearer of two that are enrolled: as it is, and masked.',
    },
  },
});

const TRAITS = { kind: 'KIND', coverage: 'COVERAGE', colour: 'COLOUR' } as const;

const Trait = builder.enumType('MaskTrait', {
  description: 'What tells masks apart.',
  values: {
    KIND: { description: '`surgical`, `n95`, `cloth` or `round`.' },
    COVERAGE: {
      description:
        'Where the upper edge lies: `high`, on the bridge of the nose, `medium` or `low`, under its tip.',
    },
    COLOUR: { description: '`#rrggbb`' },
  },
});

const Rate = builder.objectRef<Stored<Figure>>('MeasuredRate').implement({
  description: 'A share of comparisons, 0 to 1, and how far to trust it.',
  fields: (t) => ({
    value: t.float({ description: 'As measured.', resolve: ({ value }) => value! }),
    interval: t.floatList({
      description: 'Its 95 % interval, low and high, by bootstrap over people.',
      resolve: ({ interval: [low, high] }) => [low!, high!],
    }),
  }),
});

const Errors = builder.interfaceRef<Rates>('MaskErrors').implement({
  description: 'Error rates of some comparisons. A face that the detector lost matches nobody.',
  fields: (t) => ({
    genuinePairs: t.int({
      description: 'Comparisons of a photograph with the enrolled one of its person.',
      resolve: ({ genuine }) => genuine!,
    }),
    impostorPairs: t.int({
      description: 'Comparisons of a photograph with the enrolled one of somebody else.',
      resolve: ({ impostor }) => impostor!,
    }),
    lost: t.int({
      description: 'Genuine pairs in which the detector had lost a masked face.',
      resolve: ({ lost }) => lost!,
    }),
    fnmr: t.field({
      type: Rate,
      description: 'False non-match rate: share of genuine pairs that do not match.',
      resolve: ({ fnmr }) => fnmr,
    }),
    fmr: t.field({
      type: Rate,
      nullable: true,
      description: 'False match rate: share of impostor pairs that match; null without one.',
      resolve: ({ fmr }) => (fmr.value === null ? null : fmr),
    }),
  }),
});

const Comparison = builder.objectRef<Stored<MaskCondition>>('MaskComparison').implement({
  description: 'What masks cost in one way to compare.',
  interfaces: [Errors],
  fields: (t) => ({
    condition: t.field({
      type: Condition,
      description: 'Which one.',
      resolve: ({ name }) => CONDITIONS[name],
    }),
    threshold: t.float({
      description:
        'Cosine distance up to which it matches, fixed on unmasked photographs against what is enrolled.',
      resolve: ({ threshold }) => threshold!,
    }),
  }),
});

const Group = builder.objectRef<Stored<MaskGroup>>('MaskGroup').implement({
  description: 'What masks of one sort cost: masked photographs against unmasked enrolled ones.',
  interfaces: [Errors],
  fields: (t) => ({
    trait: t.field({
      type: Trait,
      description: 'What of the mask.',
      resolve: ({ by }) => TRAITS[by],
    }),
    value: t.exposeString('value', { description: 'How it is.' }),
  }),
});

builder.prismaObject('MaskRisk', {
  description:
    'What masks cost one person of a report. It goes when the person is deleted or merged.',
  fields: (t) => ({
    identity: t.relation('identity', { description: 'Who.' }),
    probes: t.exposeInt('probes'),
    missedUnmasked: t.exposeInt('missedUnmasked'),
    missedMasked: t.exposeInt('missedMasked'),
    missedWithMaskedEnrolment: t.exposeInt('missedWithMaskedEnrolment'),
    rise: t.exposeFloat('rise', { nullable: true }),
    maskedEnrolmentHelps: t.exposeBoolean('maskedEnrolmentHelps', {
      description:
        'Whether more of the masked photographs matched when a masked copy was enrolled beside the photograph.',
    }),
  }),
});

const MaskReport = builder.prismaObject('MaskReport', {
  description:
    'What face masks cost in a gallery, measured with masks drawn on its stored photographs. But for `risks` it holds shares of comparisons, of nobody in particular.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When it was made.' }),
    model: t.exposeString('model'),
    fingerprint: t.exposeString('fingerprint'),
    current: t.boolean({
      description: 'Whether model, weights and crop are still those of the gallery.',
      select: { fingerprint: true, gallery: { select: { model: true } } },
      resolve: (made) => made.fingerprint === fingerprint(made.gallery.model),
    }),
    seed: t.exposeInt('seed'),
    fmrAsked: t.exposeFloat('fmrAsked'),
    fmr: t.exposeFloat('fmr'),
    identities: t.exposeInt('identities'),
    faces: t.exposeInt('faces'),
    lost: t.exposeInt('lost'),
    missed: t.exposeInt('missed'),
    helped: t.exposeInt('helped'),
    comparisons: t.field({
      type: [Comparison],
      description: 'Each way to compare.',
      resolve: (made) => [...figuresOf(made).conditions],
    }),
    groups: t.field({
      type: [Group],
      description: 'Masked photographs against unmasked enrolled ones, by what they wear.',
      args: { trait: t.arg({ type: Trait, description: 'Only by this one.' }) },
      resolve: (made, { trait }) =>
        figuresOf(made).groups.filter(({ by }) => !trait || TRAITS[by] === trait),
    }),
    risks: t.relatedConnection(
      'risks',
      {
        description:
          'What masks cost each person with several photographs, who is missed most first.',
        cursor: 'reportId_place',
        totalCount: true,
        complexity: pageCost,
        query: { orderBy: { place: 'asc' } },
      },
      { name: 'MaskRiskConnection' },
      { name: 'MaskRiskEdge' },
    ),
  }),
});

builder.prismaObjectFields('Gallery', (t) => ({
  maskReport: t.field({
    type: MaskReport,
    nullable: true,
    description: 'The latest mask report; null before the first.',
    authScopes: { galleryRead: true },
    select: (_args, _context, nested) => ({
      maskReports: nested({ orderBy: { id: 'desc' as const }, take: 1 }),
    }),
    resolve: ({ maskReports: [latest] }) => latest ?? null,
  }),
  maskReports: t.relatedConnection(
    'maskReports',
    {
      description: 'Every mask report of the gallery, newest first.',
      authScopes: { galleryRead: true },
      cursor: 'id',
      totalCount: true,
      complexity: pageCost,
      query: { orderBy: { id: 'desc' } },
    },
    { name: 'MaskReportConnection' },
    { name: 'MaskReportEdge' },
  ),
}));

builder.mutationField('maskReport', (t) =>
  t.prismaField({
    type: 'Job',
    description:
      'Makes a job that finds out what face masks cost in a gallery: it draws masks of random kind, coverage and colour on stored photographs, at most four of 200 people and one of 200 more, and compares them at a threshold that is fixed without masks. `Gallery.maskReport` has the result. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: {
      types: [
        failures.GalleryNotFound,
        failures.ImagesMissing,
        failures.TooFewFaces,
        failures.ModelMismatch,
        failures.InvalidInput,
        failures.IdempotencyKeyReused,
      ],
    },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Which one.' }),
      fmr: t.arg.float({
        required: true,
        defaultValue: FINEST,
        description:
          'The false match rate of unmasked photographs at which the thresholds are fixed, 0.001 to 0.1; where the pairs are too few to tell it, 0.01 or 0.1.',
      }),
      seed: t.arg.int({
        required: true,
        defaultValue: 1,
        description:
          'Chooses the faces of a large gallery and their masks: the same for the same seed.',
      }),
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, args, context) => {
      const { gallery, seed } = args;
      const fmr = within('fmr', args.fmr, FINEST, 0.1);
      const { id } = await once(context, 'maskReport', args, (service) =>
        maskReport(service, context.key!.id, galleryBy(gallery), { seed, fmr }),
      );
      return still(await context.db.job.findUnique({ ...query, where: { id } }));
    },
  }),
);
