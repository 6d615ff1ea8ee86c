import { setImmediate as nextTurn } from 'node:timers/promises';
import { cosineDistance } from '../distance.ts';
import type { Scores } from '../statistics/errorRates.ts';
import type { Owned, Sample } from './sample.ts';

/** A face with its embedding, L2-normalised. */
export interface EmbeddedFace extends Owned {
  readonly embedding: Float32Array;
}

/** Takes how far a comparison is; what it throws breaks the comparison off. */
export type Progress = (done: number, total: number) => Promise<void> | void;

/** Faces compared in one go: about 20 ms, after which others get their turn. */
const FACES_AT_ONCE = 16;

/**
 * The distances of every genuine pair of a sample, and of every pair of impostors: two people on two
 * photographs. Others get their turn meanwhile.
 * @param progress is told how many of how many impostors have been compared with all others.
 */
export async function compareFaces(
  { genuine, impostor }: Sample<EmbeddedFace>,
  progress: Progress = () => undefined,
): Promise<Scores> {
  const within = genuine.flatMap(genuineDistances);
  const across = new Float64Array((impostor.length * (impostor.length - 1)) / 2);
  let count = 0;
  for (let i = 0; i < impostor.length; i++) {
    const a = impostor[i];
    for (let j = i + 1; j < impostor.length; j++) {
      const b = impostor[j];
      if (a.identity === b.identity || a.imageHash === b.imageHash) continue;
      across[count++] = cosineDistance(a.embedding, b.embedding);
    }
    const done = i + 1;
    if (done % FACES_AT_ONCE !== 0 && done < impostor.length) continue;
    await progress(done, impostor.length);
    await nextTurn();
  }
  return { genuine: Float64Array.from(within).sort(), impostor: across.subarray(0, count).sort() };
}

function genuineDistances(group: readonly EmbeddedFace[]): number[] {
  return group.flatMap((a, i) =>
    group
      .slice(i + 1)
      .filter(({ imageHash }) => imageHash !== a.imageHash)
      .map((b) => cosineDistance(a.embedding, b.embedding)),
  );
}
