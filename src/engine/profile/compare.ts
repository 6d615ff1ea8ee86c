import { z } from 'zod';
import { FacegraphError } from '../../errors.ts';
import { allowance } from '../../kernels/tolerance.ts';
import type { Spread } from '../spread.ts';
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
 * What became slower, faster or less exact from A to B, beyond what scatter explains.
 * @throws FacegraphError `InvalidInput` when they are of different things.
 */
export function compareProfiles(a: ComparableProfile, b: ComparableProfile): Comparison {
  for (const [what, of] of Object.entries(SAME))
    if (of(a) !== of(b))
      throw new FacegraphError(
        'InvalidInput',
        `the profiles are of different ${what}: ${of(a)} and ${of(b)}`,
      );
  const [inA, inB] = [measured(a), measured(b)];
  const slower: Change[] = [];
  const faster: Change[] = [];
  const lessExact: Change[] = [];
  for (const [what, then] of inA) {
    const now = inB.get(what);
    if (!now) continue;
    const noise = noiseOf(then.time, now.time);
    const change = { what, kernel: now.kernel, from: then.time.median, to: now.time.median, noise };
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
    notes: notesOf(a, b),
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

function measured({ steps, sections }: ComparableProfile): Map<string, Measured> {
  const all = new Map<string, Measured>();
  for (const { name, whole, parity } of sections)
    all.set(`${name} as a whole`, { time: whole, parity });
  for (const { section, name, kernel, time, parity } of steps)
    all.set(`${section}: ${name}`, { kernel, time, parity });
  return all;
}

// The standard error of a median of normal values, of each, together.
function noiseOf(a: Spread, b: Spread): number {
  const error = ({ quartiles: [lower, upper], n }: Spread) =>
    (1.2533 * ((upper - lower) / 1.349)) / Math.sqrt(n);
  return Math.max(ERRORS * Math.hypot(error(a), error(b)), LEAST * a.median);
}

// Rounding differs from driver to driver; twice the error, and more than rounding makes, does not.
function lostExactness(a: Parity, b: Parity): Omit<Change, 'what'> | null {
  const [from, to] = [a, b].map(({ rms }) => rms ?? Number.POSITIVE_INFINITY);
  const noise = Math.max(from, allowance(b.scale) / 100);
  return b.outside > a.outside || to > 2 * noise ? { from, to, noise } : null;
}

function notesOf(a: ComparableProfile, b: ComparableProfile): string[] {
  const notes: string[] = [];
  const [adapterA, adapterB] = [a, b].map(({ adapter }) => adapter.description);
  if (adapterA !== adapterB) notes.push(`the adapters differ: ${adapterA} and ${adapterB}`);
  for (const [what, of] of [
    ['memory', (p: ComparableProfile) => p.ceilings.bytesPerSecond],
    ['arithmetic', (p: ComparableProfile) => p.ceilings.flopPerSecond],
  ] as const) {
    const ratio = of(b) / of(a);
    if (Math.abs(ratio - 1) > DRIFT)
      notes.push(
        `B's ceiling of ${what} is ${ratio.toFixed(2)} of A's: other work, or another clock`,
      );
  }
  return notes;
}
