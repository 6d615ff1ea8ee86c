import { compareFaces, type EmbeddedFace, eachImpostorPair } from '../calibration/compare.ts';
import { measure } from '../calibration/measure.ts';
import { chooseFaces } from '../calibration/sample.ts';
import { resample } from '../statistics/bootstrap.ts';
import { seededRandom, shuffled } from '../statistics/seededRandom.ts';
import type { Figure } from './figure.ts';

/** A promise, and what became of it among other people. */
export interface PromiseKept {
  /** The false match rate that the calibration promised. */
  readonly promised: number;
  /** Its threshold, as cosine distance. */
  readonly threshold: number;
  /** The false match rate among the people who had no part in it. */
  readonly measured: Figure;
  /** Whether the promise lies in the interval. */
  readonly kept: boolean;
}

/** Half of the people calibrated, the other half measured. */
export interface HeldIn {
  readonly seed: number;
  /** People and impostor pairs of either half. */
  readonly calibrated: Half;
  readonly measured: Half;
  readonly promises: readonly PromiseKept[];
}

export interface Half {
  readonly identities: number;
  readonly faces: number;
  readonly impostorPairs: number;
}

/** The rates that are looked at, as far as the pairs allow. */
const RATES = [1e-1, 1e-2, 1e-3];

/** Impostor pairs by ascending distance; `a` and `b` are the places of their people. */
interface Pairs {
  readonly distances: Float64Array;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
}

/**
 * Calibrates on half of the people, drawn by the seed, and measures the false match rates at the
 * thresholds on the other half. Intervals by bootstrap over the people of both halves: pairs of one
 * person hang together, and the threshold is as uncertain as what is measured at it.
 * @throws FacegraphError `TooFewFaces`.
 */
export async function heldInCheck(
  faces: readonly EmbeddedFace[],
  seed: number,
  rounds = 1000,
): Promise<HeldIn> {
  const random = seededRandom(seed);
  const people = shuffled([...new Set(faces.map(({ identity }) => identity))], random);
  const calibrating = new Set(people.slice(0, Math.floor(people.length / 2)));
  const places = new Map(people.map((identity, place) => [identity, place]));
  const sampleOf = (first: boolean) =>
    chooseFaces(
      faces.filter(({ identity }) => calibrating.has(identity) === first),
      seed,
    );
  const [calibration, measurement] = [sampleOf(true), sampleOf(false)];
  const { points } = measure(await compareFaces(calibration));
  const looked = points.filter(({ promised }) => RATES.includes(promised));
  const inside = await impostorPairs(calibration.impostor, places);
  const outside = await impostorPairs(measurement.impostor, places);
  const intervals = resample(
    people.length,
    (drawn) => {
      const limits = thresholdsAt(
        inside,
        drawn,
        looked.map(({ promised }) => promised),
      );
      return sharesBelow(outside, drawn, limits);
    },
    { rounds, seed },
  );
  const everybody = new Uint32Array(people.length).fill(1);
  return {
    seed,
    calibrated: halfOf(calibration.impostor, inside),
    measured: halfOf(measurement.impostor, outside),
    promises: looked.map(({ promised, threshold }, i) => {
      const [value] = sharesBelow(outside, everybody, [threshold]);
      const interval = intervals[i];
      const kept = interval[0] <= promised && promised <= interval[1];
      return { promised, threshold, measured: { value, interval }, kept };
    }),
  };
}

async function impostorPairs(
  faces: readonly EmbeddedFace[],
  places: ReadonlyMap<string, number>,
): Promise<Pairs> {
  const all: { distance: number; a: number; b: number }[] = [];
  await eachImpostorPair(faces, (distance, i, j) => {
    all.push({ distance, a: places.get(faces[i].identity)!, b: places.get(faces[j].identity)! });
  });
  all.sort((x, y) => x.distance - y.distance);
  return {
    distances: Float64Array.from(all, ({ distance }) => distance),
    a: Uint32Array.from(all, ({ a }) => a),
    b: Uint32Array.from(all, ({ b }) => b),
  };
}

function halfOf(faces: readonly EmbeddedFace[], { distances }: Pairs): Half {
  const identities = new Set(faces.map(({ identity }) => identity)).size;
  return { identities, faces: faces.length, impostorPairs: distances.length };
}

// For each rate, in descending order, the distance under which it is kept in this draw.
function thresholdsAt(
  { distances, a, b }: Pairs,
  drawn: Uint32Array,
  rates: readonly number[],
): number[] {
  let total = 0;
  for (let i = 0; i < distances.length; i++) total += drawn[a[i]] * drawn[b[i]];
  const limits = rates.map(() => Infinity);
  let left = rates.length - 1;
  let hits = 0;
  for (let i = 0; i < distances.length && left >= 0; i++) {
    hits += drawn[a[i]] * drawn[b[i]];
    for (; left >= 0 && hits > rates[left] * total; left--) limits[left] = distances[i];
  }
  return limits;
}

// For each limit, in descending order, the share of pairs of this draw that are nearer.
function sharesBelow(
  { distances, a, b }: Pairs,
  drawn: Uint32Array,
  limits: readonly number[],
): number[] {
  const hits = limits.map(() => 0);
  let [left, sum] = [limits.length - 1, 0];
  for (let i = 0; i < distances.length; i++) {
    for (; left >= 0 && distances[i] >= limits[left]; left--) hits[left] = sum;
    sum += drawn[a[i]] * drawn[b[i]];
  }
  for (; left >= 0; left--) hits[left] = sum;
  return hits.map((count) => count / sum);
}
