import { cosineDistance } from '../distance.ts';
import { bootstrap, resample } from '../statistics/bootstrap.ts';
import { pointAtFmr, type Scores, scoresOf } from '../statistics/errorRates.ts';
import { type Figure, figures } from './figure.ts';
import type { OpenSet } from './split.ts';

/** What the search with one picture found. */
export interface Searched {
  readonly picture: string;
  readonly identity: string;
  /** Whether the person was to be found: enrolled, be it in vain. */
  readonly enrolled: boolean;
  /** Place of the right person, from 1, ties against it; Infinity when it is not in the gallery. */
  readonly rank: number;
  /** Distance to the right person's nearest picture; Infinity when there is none. */
  readonly distance: number;
  /** The nearest picture of anybody else; undefined without a face or anybody else. */
  readonly other?: Neighbour;
  /** The right person's nearest picture. */
  readonly mate?: Neighbour;
}

export interface Neighbour {
  readonly identity: string;
  readonly picture: string;
  readonly distance: number;
}

/** True positive identification rate at a false positive rate; null with too few searches by strangers. */
export interface TpirAtFpir {
  readonly fpir: number;
  readonly point: { readonly threshold: number; readonly tpir: Figure } | null;
}

export interface IdentificationFigures {
  readonly rank1: Figure;
  readonly rank5: Figure;
  readonly tpirAtFpir: readonly TpirAtFpir[];
  /** Share of searches by enrolled people that find them within the first k, k from 1. */
  readonly cumulativeMatch: readonly number[];
}

/** The false positive identification rates that are asked for. */
export const FPIRS = [0.01, 0.1] as const;

const RANKS = 20;

/** Searches every probe among the enrolled; a person is as near as the nearest of its pictures. */
export function searchOpenSet(
  { enrolled, strangers }: OpenSet,
  embeddingOf: (picture: string) => Float32Array | undefined,
): Searched[] {
  const gallery = enrolled.flatMap(({ identity, gallery }) =>
    gallery.flatMap((picture) => {
      const embedding = embeddingOf(picture);
      return embedding ? [{ identity, picture, embedding }] : [];
    }),
  );
  const search = (identity: string, picture: string, known: boolean): Searched => {
    const probe = embeddingOf(picture);
    const nearest = new Map<string, Neighbour>();
    if (probe)
      for (const { embedding, ...row } of gallery) {
        const distance = cosineDistance(probe, embedding);
        if (distance < (nearest.get(row.identity)?.distance ?? Infinity))
          nearest.set(row.identity, { ...row, distance });
      }
    const mate = nearest.get(identity);
    nearest.delete(identity);
    const others = [...nearest.values()].sort((a, b) => a.distance - b.distance);
    const distance = mate?.distance ?? Infinity;
    const before = others.filter((other) => other.distance <= distance).length;
    const rank = mate ? 1 + before : Infinity;
    return { picture, identity, enrolled: known, rank, distance, other: others[0], mate };
  };
  return [
    ...enrolled.flatMap(({ identity, probes }) => probes.map((p) => search(identity, p, true))),
    ...strangers.flatMap(({ identity, probes }) => probes.map((p) => search(identity, p, false))),
  ];
}

/**
 * The figures of an open-set test; intervals by bootstrap over the people searched for, the gallery
 * staying as it is.
 */
export function identificationFigures(searches: readonly Searched[]): IdentificationFigures {
  const mated = searches.filter(({ enrolled }) => enrolled);
  const [rank1, rank5] = ranks(mated, [1, 5]);
  const outcomes = openSetOutcomes(searches);
  const scores = scoresOf(outcomes);
  const statistics = (drawn: Scores) => FPIRS.map((fpir) => tpirAt(drawn, fpir));
  const tpirs = figures(statistics(scores), bootstrap(outcomes, statistics));
  return {
    rank1,
    rank5,
    tpirAtFpir: FPIRS.map((fpir, i) => {
      const point = pointAtFmr(scores, fpir);
      return { fpir, point: point && { threshold: point.threshold, tpir: tpirs[i] } };
    }),
    cumulativeMatch: Array.from(
      { length: RANKS },
      (_, i) => mated.filter(({ rank }) => rank <= i + 1).length / mated.length,
    ),
  };
}

/**
 * Searches as comparisons, so that TPIR and FPIR are rates of a threshold like any others: a search by
 * an enrolled person counts with the distance of its mate if that comes first, by a stranger with the
 * distance of whoever does.
 */
export function openSetOutcomes(searches: readonly Searched[]) {
  return searches.map(({ identity, enrolled, rank, distance, other }) => ({
    genuine: enrolled,
    distance: enrolled ? (rank === 1 ? distance : Infinity) : (other?.distance ?? Infinity),
    identities: [identity, identity] as const,
  }));
}

function tpirAt(scores: Scores, fpir: number): number {
  const point = pointAtFmr(scores, fpir);
  return point ? 1 - point.fnmr : Number.NaN;
}

function ranks(mated: readonly Searched[], within: readonly number[]): Figure[] {
  const people = [...new Set(mated.map(({ identity }) => identity))];
  const places = new Map(people.map((identity, place) => [identity, place]));
  const unit = mated.map(({ identity }) => places.get(identity)!);
  const shares = (drawn: Uint32Array) => {
    const all = unit.reduce((sum, at) => sum + drawn[at], 0);
    return within.map(
      (k) => unit.reduce((sum, at, i) => sum + (mated[i].rank <= k ? drawn[at] : 0), 0) / all,
    );
  };
  const once = new Uint32Array(people.length).fill(1);
  return figures(shares(once), resample(people.length, shares));
}
