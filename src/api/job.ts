import { visible } from '../faces/gallery/store.ts';
import { cancelJob, secondsLeft } from '../faces/jobs/jobs.ts';
import { JobItemState, JobKind, JobState } from '../generated/prisma/client.ts';
import { builder, pageCost } from './builder.ts';
import { JobNotFound } from './failures.ts';
import { GalleryNode } from './gallery.ts';

const Kind = builder.enumType('JobKind', {
  description: 'What a job does.',
  values: {
    [JobKind.ENROL]: { description: 'Enrols many photographs.' },
    [JobKind.REEMBED]: { description: 'Moves a gallery to another model.' },
    [JobKind.CALIBRATE]: { description: 'Finds out what distances in a gallery mean.' },
    [JobKind.MASK_REPORT]: { description: 'Finds out what face masks cost in a gallery.' },
  },
});

const State = builder.enumType('JobState', {
  description: 'How far a job is. The last three are for good.',
  values: {
    [JobState.RECEIVING]: { description: 'Its photographs are still coming in.' },
    [JobState.QUEUED]: { description: 'It waits for a process to take it.' },
    [JobState.RUNNING]: { description: 'A process works on it.' },
    [JobState.DONE]: { description: 'Every item is done or refused.' },
    [JobState.FAILED]: { description: 'It could not go on; `error` says why.' },
    [JobState.CANCELLED]: { description: 'Somebody ended it; what was done stays.' },
  },
});

const ItemState = builder.enumType('JobItemState', {
  description: 'How far an item of a job is.',
  values: {
    [JobItemState.WAITING]: {
      description: 'Its turn has not come, or never will if the job ended.',
    },
    [JobItemState.DONE]: { description: 'The face is enrolled.' },
    [JobItemState.REFUSED]: { description: 'It cannot be used; `message` says why.' },
  },
});

builder.prismaObject('JobItem', {
  description: 'One photograph of a bulk enrolment.',
  fields: (t) => ({
    position: t.exposeInt('position'),
    name: t.exposeString('name'),
    state: t.expose('state', { type: ItemState, description: 'How far it is.' }),
    faceId: t.globalID({
      nullable: true,
      description:
        'Node id of the face that was enrolled, or of a `DuplicateFace` the one that is there; `node` answers null when it is gone.',
      resolve: ({ faceId }) => faceId && { type: 'Face', id: faceId },
    }),
    code: t.exposeString('code', {
      nullable: true,
      description: 'What the failure is called, e.g. `NoFaceFound`; `Unexpected` for a bug.',
    }),
    message: t.exposeString('message', { nullable: true }),
  }),
});

/** Work on a gallery that goes on after the request. */
export const JobNode = builder.prismaNode('Job', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id, context) => ({ id, gallery: visible(context) }),
  authScopes: { $any: { galleryRead: true, galleryWrite: true } },
  fields: (t) => ({
    kind: t.expose('kind', { type: Kind, description: 'What it does.' }),
    state: t.expose('state', { type: State, description: 'How far it is.' }),
    gallery: t.relation('gallery', { description: 'The gallery it works on.' }),
    dryRun: t.boolean({
      description: 'Whether it only looks, and stores nothing.',
      resolve: ({ input }) => (input as { dryRun?: boolean }).dryRun ?? false,
    }),
    total: t.exposeInt('total'),
    done: t.exposeInt('done'),
    refused: t.exposeInt('refused', {
      description:
        'Things refused; `items` say why. Where faces are embedded anew: those dropped; in mask reports: those whose photograph cannot be read.',
    }),
    secondsLeft: t.float({
      nullable: true,
      description: 'Until it is done, at the pace so far; null while that cannot be told.',
      resolve: (job) => secondsLeft(job),
    }),
    error: t.exposeString('error', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a process first took it.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended, in whatever way.',
    }),
    items: t.relatedConnection(
      'items',
      {
        description: 'The photographs of a bulk enrolment, in their order.',
        authScopes: { galleryRead: true },
        cursor: 'jobId_position',
        totalCount: true,
        complexity: pageCost,
        args: { state: t.arg({ type: ItemState, description: 'Only those so far.' }) },
        query: ({ state }) => ({
          where: state ? { state } : {},
          orderBy: { position: 'asc' },
        }),
      },
      { name: 'JobItemConnection' },
      { name: 'JobItemEdge' },
    ),
  }),
});

builder.queryFields((t) => ({
  job: t.prismaField({
    type: 'Job',
    nullable: true,
    description: 'One job; null when there is none of this id. Scope `gallery:read`.',
    authScopes: { galleryRead: true },
    args: { id: t.arg.globalID({ required: true, for: [JobNode], description: 'Which one.' }) },
    resolve: (query, _root, { id }, context) =>
      context.db.job.findFirst({ ...query, where: { id: id.id, gallery: visible(context) } }),
  }),
  jobs: t.prismaConnection(
    {
      type: 'Job',
      cursor: 'id',
      description:
        'Jobs of the galleries that the key may use, newest first, for 30 days after their end. Scope `gallery:read`.',
      authScopes: { galleryRead: true },
      args: {
        gallery: t.arg.globalID({
          for: [GalleryNode],
          description: 'Only those of this gallery.',
        }),
        state: t.arg({ type: State, description: 'Only those so far.' }),
      },
      complexity: pageCost,
      totalCount: (_root, args, context) => context.db.job.count({ where: jobsOf(context, args) }),
      resolve: (query, _root, args, context) =>
        context.db.job.findMany({
          ...query,
          where: jobsOf(context, args),
          orderBy: { id: 'desc' },
        }),
    },
    { name: 'JobConnection' },
    { name: 'JobEdge' },
  ),
}));

builder.mutationField('cancelJob', (t) =>
  t.prismaField({
    type: 'Job',
    description:
      'Ends a job before its time; what it did until now stays. One that has ended stays as it is. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [JobNotFound] },
    args: { id: t.arg.globalID({ required: true, for: [JobNode], description: 'Which one.' }) },
    resolve: async (query, _root, { id }, context) => {
      await cancelJob(context, id.id);
      return context.db.job.findUniqueOrThrow({ ...query, where: { id: id.id } });
    },
  }),
);

function jobsOf(
  context: Parameters<typeof visible>[0],
  { gallery, state }: { gallery?: { id: string } | null; state?: JobState | null },
) {
  return {
    gallery: visible(context),
    ...(gallery && { galleryId: gallery.id }),
    ...(state && { state }),
  };
}
