import type { Change, Comparison } from '../engine/profile/compare.ts';
import type { Parity } from '../engine/profile/parity.ts';
import type { Profile, SectionProfile, StepProfile } from '../engine/profile/profile.ts';
import type { Spread } from '../engine/spread.ts';
import { block } from './output.ts';

/** A profile for people: what it is of, its sections, and its steps, slowest first. */
export function profileText(profile: Profile): string {
  const { sections, steps } = profile;
  const total = steps.reduce((sum, { time }) => sum + time.median, 0);
  const slowestFirst = [...steps].sort((a, b) => b.time.median - a.time.median);
  return [
    block('profile', [...headings(profile)]),
    block('sections', [
      ['network', 'ms in one pass', 'quartiles', 'outputs against', 'max error', 'rms error'],
      ...sections.map(sectionRow),
    ]),
    block(`steps, slowest first (${ms(total)} ms together)`, [
      STEP_HEAD,
      ...slowestFirst.map((step) => stepRow(step, total)),
    ]),
  ].join('\n\n');
}

/** What was profiled, on what and how; name and value. */
export function headings(profile: Profile): [string, string][] {
  const { model, weights, batch, image, adapter, clock, runs, replaced, ceilings, date } = profile;
  const { bytesPerSecond, flopPerSecond, n } = ceilings;
  const top = `the fastest of ${n}`;
  const own = Object.entries(replaced).map(([name, path]) => `${name} from ${path}`);
  return [
    ['model', `${model}, ${weights} weights`],
    ['batch', `${batch}${image ? `, image ${image.join('×')}` : ''}`],
    ['adapter', adapter.description],
    [
      'clock',
      clock === 'timestamp-query'
        ? 'timestamps of the GPU, each step in a pass of its own'
        : 'wall clock: each step submitted and waited for, which is part of its time',
    ],
    ['runs', `${runs}, median and quartiles`],
    ['copy ceiling', `${giga(bytesPerSecond)} GB/s, ${top}`],
    ['multiply-add ceiling', `${giga(flopPerSecond)} GFLOP/s, ${top}`],
    ...(own.length > 0 ? [['kernels', own.join(', ')] as [string, string]] : []),
    ['date', date],
  ];
}

function sectionRow({ name, whole, parity }: SectionProfile): string[] {
  const judged = parity ? [parity.against, error(parity.max), error(parity.rms)] : ['nobody'];
  return [name, ms(whole.median), quartiles(whole), ...judged];
}

/** The columns of `stepRow`. */
export const STEP_HEAD = [
  'ms',
  'quartiles',
  '%',
  'kernel',
  'step',
  'output',
  'GFLOP/s',
  'of top',
  'GB/s',
  'of top',
  'max error',
  'rms error',
  'compared',
  'constants',
];

/** A step in cells; `total` is what all steps take. */
export function stepRow(step: StepProfile, total: number): string[] {
  const { time, kernel, section, name, output, flopPerSecond, bytesPerSecond, share } = step;
  const { parity, constants } = step;
  return [
    ms(time.median),
    quartiles(time),
    percent(time.median / total),
    kernel,
    `${section}: ${name}`,
    output.join('×'),
    giga(flopPerSecond),
    percent(share.flop),
    giga(bytesPerSecond),
    percent(share.bytes),
    error(parity.max),
    error(parity.rms),
    compared(parity),
    Object.entries(constants)
      .map((pair) => pair.join(' '))
      .join(', '),
  ];
}

/** A comparison for people. */
export function comparisonText(comparison: Comparison): string {
  const { slower, faster, lessExact, onlyA, onlyB, notes } = comparison;
  const times = (changes: readonly Change[]) =>
    changes.map(({ what, kernel = '', from, to, noise }) => [
      what,
      kernel,
      `${ms(from)} → ${ms(to)} ms`,
      `× ${(to / from).toFixed(2)}`,
      `noise ${ms(noise)}`,
    ]);
  const lists: [string, string[][]][] = [
    ['slower', times(slower)],
    [
      'less exact (rms error)',
      lessExact.map(({ what, kernel = '', from, to }) => [
        what,
        kernel,
        `${error(from)} → ${error(to)}`,
      ]),
    ],
    ['faster', times(faster)],
    ['only in the first', onlyA.map((what) => [what])],
    ['only in the second', onlyB.map((what) => [what])],
    ['note', notes.map((note) => [note])],
  ];
  const shown = lists.filter(([, rows]) => rows.length > 0);
  if (slower.length + lessExact.length === 0)
    shown.unshift(['nothing is slower beyond the noise or less exact', []]);
  return shown.map(([heading, rows]) => block(heading, rows)).join('\n\n');
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 3 : 1);
}

function quartiles({ quartiles: [lower, upper] }: Spread): string {
  return `${ms(lower)}–${ms(upper)}`;
}

function giga(perSecond: number): string {
  return (perSecond / 1e9).toPrecision(3);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function error(value: number | null): string {
  return value === null || !Number.isFinite(value) ? 'not a number' : value.toExponential(1);
}

function compared({ n, of, outside }: Parity): string {
  const counted = n === of ? `all ${n}` : `${n} of ${of}`;
  return outside > 0 ? `${counted}, ${outside} WRONG` : counted;
}
