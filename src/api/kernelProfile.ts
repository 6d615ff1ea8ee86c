import type { Parity as ParityShape } from '../engine/profile/parity.ts';
import type {
  Ceilings as CeilingsShape,
  Profile,
  SectionProfile,
  StepProfile,
} from '../engine/profile/profile.ts';
import type { Spread as SpreadShape } from '../engine/spread.ts';
import { DEFAULT_MODELS } from '../engine/weights/manifest.ts';
import { FacegraphError } from '../errors.ts';
import { builder, IMAGE_COST } from './builder.ts';
import * as failures from './failures.ts';

/** Other requests wait for a run at most, and for not too many of them. */
const RUNS = 5;
const MOST_BATCH = 8;

const Spread = builder.objectRef<SpreadShape>('Spread').implement({
  description: 'The middle of repeated measurements and how they scatter.',
  fields: (t) => ({
    median: t.exposeFloat('median', { description: 'As many are above as below.' }),
    lowerQuartile: t.float({
      description: 'A quarter is below.',
      resolve: ({ quartiles }) => quartiles[0],
    }),
    upperQuartile: t.float({
      description: 'A quarter is above.',
      resolve: ({ quartiles }) => quartiles[1],
    }),
    n: t.exposeInt('n', { description: 'Measurements.' }),
  }),
});

const Parity = builder.objectRef<ParityShape>('Parity').implement({
  description: 'How near the values of an output are to those of the scalar reference.',
  fields: (t) => ({
    max: t.exposeFloat('max', {
      nullable: true,
      description: 'Largest absolute error; null when a value is not a number.',
    }),
    rms: t.exposeFloat('rms', {
      nullable: true,
      description: 'Root mean square of the errors; null when a value is not a number.',
    }),
    scale: t.exposeFloat('scale', { description: 'Largest absolute value of the reference.' }),
    compared: t.exposeInt('n', { description: 'Values compared.' }),
    values: t.exposeInt('of', { description: 'Values there are.' }),
    outside: t.exposeInt('outside', {
      description: 'Values further off than rounding explains; a right kernel has none.',
    }),
  }),
});

const Ceilings = builder.objectRef<CeilingsShape>('Ceilings').implement({
  description: 'What the adapter was seen to do at most, by kernels that do nothing else.',
  fields: (t) => ({
    bytesPerSecond: t.exposeFloat('bytesPerSecond', { description: 'Read and written by a copy.' }),
    flopPerSecond: t.exposeFloat('flopPerSecond', { description: 'Of multiply-adds, f32.' }),
  }),
});

const KernelConstant = builder
  .objectRef<{ name: string; value: number | boolean }>('KernelConstant')
  .implement({
    description: 'What a kernel was compiled for.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'As in its WGSL.' }),
      value: t.string({
        description: 'A whole number, `true` or `false`.',
        resolve: ({ value }) => String(value),
      }),
    }),
  });

const KernelStep = builder.objectRef<StepProfile>('KernelStep').implement({
  description: 'One dispatch on the GPU.',
  fields: (t) => ({
    network: t.exposeString('section', { description: 'The network it belongs to.' }),
    name: t.exposeString('name', { description: 'Its layer.' }),
    kernel: t.exposeString('kernel', { description: 'Its WGSL kernel.' }),
    constants: t.field({
      type: [KernelConstant],
      description: 'What the kernel was compiled for.',
      resolve: ({ constants }) =>
        Object.entries(constants).map(([name, value]) => ({ name, value })),
    }),
    inputs: t.field({
      type: t.listRef(t.listRef('Int')),
      description: 'N H W C of each tensor it reads; none where it reads the image.',
      resolve: ({ inputs }) => inputs.map((shape) => [...shape]),
    }),
    output: t.intList({ description: 'N H W C.', resolve: ({ output }) => [...output] }),
    ms: t.field({
      type: Spread,
      description: 'Milliseconds on the GPU, in a pass of its own.',
      resolve: ({ time }) => time,
    }),
    flop: t.exposeFloat('flop', {
      description: 'Floating point operations; a multiply-add counts as two.',
    }),
    bytesRead: t.exposeFloat('read', { description: 'Of everything it reads, each once.' }),
    bytesWritten: t.exposeFloat('written', { description: 'Of everything it writes.' }),
    flopPerSecond: t.exposeFloat('flopPerSecond', { description: 'By the median time.' }),
    bytesPerSecond: t.exposeFloat('bytesPerSecond', { description: 'By the median time.' }),
    flopShare: t.float({
      description: 'Of the ceiling of arithmetic.',
      resolve: ({ share }) => share.flop,
    }),
    bytesShare: t.float({
      description: 'Of the ceiling of memory; over 1 where data comes out of a cache.',
      resolve: ({ share }) => share.bytes,
    }),
    parity: t.field({
      type: Parity,
      description: 'Against the scalar reference on the same input.',
      resolve: ({ parity }) => parity,
    }),
  }),
});

const NetworkProfile = builder.objectRef<SectionProfile>('NetworkProfile').implement({
  description: 'All steps of a network, or of all P-Nets of a pyramid.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Of the network.' }),
    ms: t.field({
      type: Spread,
      description: 'Milliseconds of all steps in one pass, as in service, with the waiting.',
      resolve: ({ whole }) => whole,
    }),
  }),
});

const KernelProfile = builder.objectRef<Profile>('KernelProfile').implement({
  description: 'How long each GPU step of a model takes here, and how exact it is.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'What was profiled.' }),
    batch: t.exposeInt('batch', { description: 'Crops at once.' }),
    adapter: t.string({
      description: 'The GPU and its driver.',
      resolve: ({ adapter }) => adapter.description,
    }),
    clock: t.exposeString('clock', {
      description:
        '`timestamp-query`: times are those of the GPU; `wall`: submission and waiting are part of them.',
    }),
    ceilings: t.field({
      type: Ceilings,
      description: 'What the adapter can do at most.',
      resolve: ({ ceilings }) => ceilings,
    }),
    networks: t.field({
      type: [NetworkProfile],
      description: 'One, or the three of a detector.',
      resolve: ({ sections }) => [...sections],
    }),
    steps: t.field({
      type: [KernelStep],
      description: 'In the order in which they run.',
      resolve: ({ steps }) => [...steps],
    }),
  }),
});

builder.queryFields((t) => ({
  kernelProfile: t.field({
    type: KernelProfile,
    description:
      'Times every GPU step of a model and compares it with its scalar reference, which takes seconds; other requests are served in between, and one profile is made at a time. Scope `profile`.',
    authScopes: { profile: true },
    complexity: ({ batch }) => ({
      field: IMAGE_COST * (1 + Math.min(Math.max(batch ?? 1, 1), MOST_BATCH)),
    }),
    errors: {
      types: [
        failures.ModelUnavailable,
        failures.InvalidInput,
        failures.DeviceLost,
        failures.EngineBusy,
      ],
    },
    args: {
      model: t.arg.string({
        required: true,
        defaultValue: DEFAULT_MODELS[1],
        description: 'One of `models`.',
      }),
      batch: t.arg.int({
        required: true,
        defaultValue: 1,
        description:
          'Faces at once, 1 to 8; with a detector those that its second and third network get.',
      }),
    },
    resolve: (_root, { model, batch }, { engine }) => {
      if (batch < 1 || batch > MOST_BATCH)
        throw new FacegraphError('InvalidInput', `batch ${batch} is not 1 to ${MOST_BATCH}`);
      return engine.profile({ model, batch, runs: RUNS });
    },
  }),
}));
