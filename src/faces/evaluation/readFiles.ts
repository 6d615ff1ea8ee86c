import { FacegraphError } from '../../errors.ts';
import { type Source, sourceOfFile } from './detections.ts';

/** A file that is no photograph, and why. */
export interface UnreadableFile {
  readonly path: string;
  readonly error: FacegraphError;
}

/** Called before each file. */
export type Progress = (done: number, total: number, path: string) => void;

/** What a file itself can be blamed for; anything else would falsify the figures and ends the run. */
const FILE_FAULTS = ['InvalidInput', 'UnsupportedImage', 'ImageTooLarge'];

/**
 * Does `work` on every file, in order; the next one is read, hashed and decoded meanwhile. With
 * `reader.embed` as work: the embeddings of all faces of all files.
 * @throws what the engine throws; a file of no use is an answer, not an error.
 */
export async function* readFiles<Found>(
  paths: readonly string[],
  work: (source: Source) => Promise<Found>,
  progress?: Progress,
): AsyncGenerator<({ readonly path: string } & Found) | UnreadableFile> {
  const start = (path: string) => {
    const answer = attempt(path, work);
    // It may fail before the loop comes to wait for it.
    answer.catch(() => undefined);
    return answer;
  };
  let next = paths.length > 0 ? start(paths[0]) : undefined;
  for (const [i, path] of paths.entries()) {
    progress?.(i, paths.length, path);
    const current = next!;
    next = i + 1 < paths.length ? start(paths[i + 1]) : undefined;
    yield await current;
  }
}

async function attempt<Found>(
  path: string,
  work: (source: Source) => Promise<Found>,
): Promise<({ readonly path: string } & Found) | UnreadableFile> {
  try {
    return { path, ...(await work(await sourceOfFile(path))) };
  } catch (error) {
    if (error instanceof FacegraphError && FILE_FAULTS.includes(error.code)) return { path, error };
    throw error;
  }
}
