import { z } from 'zod';
import { FacegraphError } from '../../errors.ts';
import { allowance } from '../../kernels/tolerance.ts';
import { type Spread, spread } from '../spread.ts';
import type { Parity } from './parity.ts';

/** What became of a step, or of a section as a whole. */
export interface Change {
  readonly what: string;
  readonly kernel?: string;
  readonly from: number;
  readonly to: number;
  /** What the scatter of the two explains, in the same unit. */
  readonly noise: number;
}

/** How B differs from A; times in milliseconds, exactness as the root mean square of errors. */
export interface Comparison {
  readonly slower: readonly Change[];
  readonly faster: readonly Change[];
  readonly lessExact: readonly Change[];
  /** Steps of one that the other does not have. */
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
  /** What makes times of the two hard to compare. */
  readonly notes: readonly string[];
}

const number = z.number();
const SpreadSchema = z.object({
  median: number,
  quartiles: z.tuple([number, number]).readonly(),
  n: number,
});
const ParitySchema = z.object({
  max: number.nullable(),
  rms: number.nullable(),
  scale: number,
  n: number,
  of: number,
  outside: number,
});
// What a comparison needs of a profile.
const ProfileSchema = z.object({
  format: z.literal(1),
  model: z.string(),
  batch: number,
  image: z.tuple([number, number]).readonly().nullable(),
  clock: z.string(),
  adapter: z.object({ description: z.string() }),
  ceilings: z.object({ bytesPerSecond: number, flopPerSecond: number }),
  sections: z
    .array(z.object({ name: z.string(), whole: SpreadSchema, parity: ParitySchema.nullable() }))
    .readonly(),
  steps: z
    .array(
      z.object({
        section: z.string(),
        name: z.string(),
        kernel: z.string(),
        time: SpreadSchema,
        parity: ParitySchema,
      }),
    )
    .readonly(),
});

export type ComparableProfile = z.infer<typeof ProfileSchema>;

/** Standard errors that chance hardly ever reaches, among a few hundred steps. */
const ERRORS = 4;
/** A change of less is of no interest, and drifting clocks make it. */
const LEAST = 0.05;
/** Ceilings this far apart say that the machine was not the same. */
const DRIFT = 0.2;

/**
 * The profile that a file holds.
 * @throws FacegraphError `InvalidInput` when it holds none.
 */
export function parseProfile(text: string, path: string): ComparableProfile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FacegraphError('InvalidInput', `${path} is not JSON`);
  }
  const { success, data } = ProfileSchema.safeParse(json);
  if (success) return data;
  throw new FacegraphError('InvalidInput', `${path} is no profile: make one with profile --json`);
}

/**
 * What became slower, faster or less exact from A to B, beyond what scatter explains: of one profile
 * that of its runs; of several, each of a process of its own, that of their medians. The latter is wider,
 * since all runs of a process have the pages of memory it was given.
 * @param a one profile or more of one program, as `b`.
 * @throws FacegraphError `InvalidInput` when they are of different things.
 */
export function compareProfiles(
  a: readonly ComparableProfile[],
  b: readonly ComparableProfile[],
): Comparison {
  const [first, ...others] = [...a, ...b];
  for (const [what, of] of Object.entries(SAME))
    for (const other of others)
      if (of(first) !== of(other))
        throw new FacegraphError(
          'InvalidInput',
          `the profiles are of different ${what}: ${of(first)} and ${of(other)}`,
        );
  const [inA, inB] = [pooled(a), pooled(b)];
  const slower: Change[] = [];
  const faster: Change[] = [];
  const lessExact: Change[] = [];
  for (const [what, then] of inA) {
    const now = inB.get(what);
    if (!now) continue;
    const noise = Math.max(ERRORS * Math.hypot(then.error, now.error), LEAST * then.median);
    const change = { what, kernel: now.kernel, from: then.median, to: now.median, noise };
    if (change.to - change.from > noise) slower.push(change);
    if (change.from - change.to > noise) faster.push(change);
    const worse = then.parity && now.parity && lostExactness(then.parity, now.parity);
    if (worse) lessExact.push({ what, kernel: now.kernel, ...worse });
  }
  const byLoss = (x: Change, y: Change) => Math.abs(y.to - y.from) - Math.abs(x.to - x.from);
  return {
    slower: slower.sort(byLoss),
    faster: faster.sort(byLoss),
    lessExact,
    onlyA: [...inA.keys()].filter((what) => !inB.has(what)),
    onlyB: [...inB.keys()].filter((what) => !inA.has(what)),
    notes: [...notesOf(a, b), ...(slower.length > 0 ? loneNote(a, b) : [])],
  };
}

const SAME: Record<string, (profile: ComparableProfile) => string> = {
  models: ({ model }) => model,
  'batch sizes': ({ batch }) => String(batch),
  'image sizes': ({ image }) => String(image),
  clocks: ({ clock }) => clock,
};

interface Measured {
  readonly kernel?: string;
  readonly time: Spread;
  readonly parity: Parity | null;
}

/** The same of all profiles of one program. */
interface Pooled {
  readonly kernel?: string;
  readonly median: number;
  /** Standard error of the median. */
  readonly error: number;
  /** Where they differ the one that is furthest off. */
  readonly parity: Parity | null;
}

function pooled(profiles: readonly ComparableProfile[]): Map<string, Pooled> {
  const [first, ...others] = profiles.map(measured);
  for (const other of others)
    if ([...other.keys()].join() !== [...first.keys()].join())
      throw new FacegraphError(
        'InvalidInput',
        'the profiles of one side are of different programs: their steps differ',
      );
  const entries = [...first].map(([what, { kernel, parity, time }]) => {
    const rest = others.map((other) => other.get(what)!);
    const medians = [time, ...rest.map((each) => each.time)].map(({ median }) => median);
    const pool: Pooled = {
      kernel,
      median: spread(medians).median,
      error:
        MEDIAN_ERROR *
        (rest.length > 0 ? deviation(medians) / Math.sqrt(medians.length) : errorOf(time)),
      parity: rest.reduce((worst, each) => lessExactOf(worst, each.parity), parity),
    };
    return [what, pool] as const;
  });
  return new Map(entries);
}

/** Standard error of the median of normal values, in that of their mean. */
const MEDIAN_ERROR = 1.2533;

// The standard error of the mean, were they normal.
function errorOf({ quartiles: [lower, upper], n }: Spread): number {
  return (upper - lower) / 1.349 / Math.sqrt(n);
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(square / (values.length - 1));
}

function lessExactOf(a: Parity | null, b: Parity | null): Parity | null {
  if (!a || !b) return a ?? b;
  if (a.outside !== b.outside) return a.outside > b.outside ? a : b;
  return errorSize(a) >= errorSize(b) ? a : b;
}

// Not a number counts as infinitely far off.
function errorSize({ rms }: Parity): number {
  return rms ?? Number.POSITIVE_INFINITY;
}

function measured({ steps, sections }: ComparableProfile): Map<string, Measured> {
  const all = new Map<string, Measured>();
  for (const { name, whole, parity } of sections)
    all.set(`${name} as a whole`, { time: whole, parity });
  for (const { section, name, kernel, time, parity } of steps)
    all.set(`${section}: ${name}`, { kernel, time, parity });
  return all;
}

// Rounding differs from driver to driver; twice the error, and more than rounding makes, does not.
function lostExactness(a: Parity, b: Parity): Omit<Change, 'what'> | null {
  const [from, to] = [a, b].map(errorSize);
  const noise = Math.max(from, allowance(b.scale) / 100);
  return b.outside > a.outside || to > 2 * noise ? { from, to, noise } : null;
}

function notesOf(a: readonly ComparableProfile[], b: readonly ComparableProfile[]): string[] {
  const notes: string[] = [];
  const adapters = new Set([...a, ...b].map(({ adapter }) => adapter.description));
  if (adapters.size > 1) notes.push(`the adapters differ: ${[...adapters].join(' and ')}`);
  for (const [what, of] of [
    ['memory', (p: ComparableProfile) => p.ceilings.bytesPerSecond],
    ['arithmetic', (p: ComparableProfile) => p.ceilings.flopPerSecond],
  ] as const) {
    const ratio = spread(b.map(of)).median / spread(a.map(of)).median;
    if (Math.abs(ratio - 1) > DRIFT)
      notes.push(
        `B's ceiling of ${what} is ${ratio.toFixed(2)} of A's: other work, or another clock`,
      );
  }
  return notes;
}

function loneNote(...sides: readonly (readonly ComparableProfile[])[]): string[] {
  if (sides.every(({ length }) => length > 1)) return [];
  return ['one run of a program tells nothing of how far apart its runs are: compare several'];
}
