import { setImmediate as nextTurn } from 'node:timers/promises';
import { cosineDistance } from '../distance.ts';
import type { Scores } from '../statistics/errorRates.ts';
import type { Owned, Sample } from './sample.ts';

/** A face with its embedding, L2-normalised. */
export interface EmbeddedFace extends Owned {
  readonly embedding: Float32Array;
}

/** Takes how many of how many faces have been compared; what it throws breaks the comparison off. */
export type Progress = (done: number, total: number) => Promise<void> | void;

/** Faces compared in one go: about 20 ms, after which others get their turn. */
const FACES_AT_ONCE = 16;

/**
 * The distances of every genuine pair of a sample, and of every pair of impostors. Others get their turn
 * meanwhile.
 */
export async function compareFaces(
  { genuine, impostor }: Sample<EmbeddedFace>,
  progress?: Progress,
): Promise<Scores> {
  const within = genuine.flatMap(genuineDistances);
  const across = new Float64Array((impostor.length * (impostor.length - 1)) / 2);
  let count = 0;
  const take = (distance: number) => {
    across[count++] = distance;
  };
  await eachImpostorPair(impostor, take, progress);
  return { genuine: Float64Array.from(within).sort(), impostor: across.subarray(0, count).sort() };
}

/**
 * Compares every two faces of two people on two photographs. Others get their turn meanwhile.
 * @param take is called with the distance and the places of both faces.
 */
export async function eachImpostorPair(
  faces: readonly EmbeddedFace[],
  take: (distance: number, i: number, j: number) => void,
  progress: Progress = () => undefined,
): Promise<void> {
  for (let i = 0; i < faces.length; i++) {
    const a = faces[i];
    for (let j = i + 1; j < faces.length; j++) {
      const b = faces[j];
      if (a.identity === b.identity || a.imageHash === b.imageHash) continue;
      take(cosineDistance(a.embedding, b.embedding), i, j);
    }
    const done = i + 1;
    if (done % FACES_AT_ONCE !== 0 && done < faces.length) continue;
    await progress(done, faces.length);
    await nextTurn();
  }
}

function genuineDistances(group: readonly EmbeddedFace[]): number[] {
  return group.flatMap((a, i) =>
    group
      .slice(i + 1)
      .filter(({ imageHash }) => imageHash !== a.imageHash)
      .map((b) => cosineDistance(a.embedding, b.embedding)),
  );
}
