import type { Comparison, Scores } from './errorRates.ts';
import type { Interval } from './interval.ts';
import { seededRandom } from './seededRandom.ts';

/**
 * A comparison and whose faces it compares: twice the same for a genuine one, and for a search, whose
 * outcome belongs to the person searched for.
 */
export interface PeopleCompared extends Comparison {
  readonly identities: readonly [string, string];
}

/**
 * 95 % intervals of statistics by the percentile bootstrap over identities: people are drawn with
 * replacement, and a comparison counts as often as both of its people were drawn together. Comparisons
 * of one person hang together, so drawing comparisons would promise too much.
 * @param statistics any number of figures of some scores; a figure that is NaN in a round is left out of it.
 * @returns one interval for each figure; [NaN, NaN] where it was NaN in every round.
 */
export function bootstrap(
  comparisons: readonly PeopleCompared[],
  statistics: (scores: Scores) => readonly number[],
  options: Rounds = {},
): Interval[] {
  const people = [...new Set(comparisons.flatMap(({ identities }) => identities))];
  const places = new Map(people.map((identity, place) => [identity, place]));
  const sorted = [...comparisons]
    .sort((a, b) => a.distance - b.distance)
    .map(({ distance, genuine, identities: [a, b] }) => ({
      distance,
      genuine,
      a: places.get(a)!,
      b: places.get(b)!,
    }));
  return resample(people.length, (drawn) => statistics(repeated(sorted, drawn)), options);
}

/** How often to draw, and which draws; the same seed gives the same intervals. */
export interface Rounds {
  readonly rounds?: number;
  readonly seed?: number;
}

/**
 * 95 % intervals by the percentile bootstrap over any units that hang together, such as people or
 * photographs.
 * @param statistics the figures of a draw, which says how often each unit was drawn.
 */
export function resample(
  units: number,
  statistics: (drawn: Uint32Array) => readonly number[],
  { rounds = 1000, seed = 1 }: Rounds = {},
): Interval[] {
  const random = seededRandom(seed);
  const drawn = new Uint32Array(units);
  const figures = Array.from({ length: rounds }, () => {
    drawn.fill(0);
    for (let i = 0; i < units; i++) drawn[Math.floor(random() * units)]++;
    return statistics(drawn);
  });
  const count = figures[0]?.length ?? 0;
  return Array.from({ length: count }, (_, i) => middle(figures.map((round) => round[i])));
}

interface Placed extends Comparison {
  readonly a: number;
  readonly b: number;
}

function repeated(sorted: readonly Placed[], drawn: Uint32Array): Scores {
  const kinds: Record<'genuine' | 'impostor', number[]> = { genuine: [], impostor: [] };
  for (const { distance, genuine, a, b } of sorted) {
    const times = a === b ? drawn[a] : drawn[a] * drawn[b];
    const kind = genuine ? kinds.genuine : kinds.impostor;
    for (let i = 0; i < times; i++) kind.push(distance);
  }
  return {
    genuine: Float64Array.from(kinds.genuine),
    impostor: Float64Array.from(kinds.impostor),
  };
}

function middle(values: readonly number[]): Interval {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return [Number.NaN, Number.NaN];
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  return [at(0.025), at(0.975)];
}
