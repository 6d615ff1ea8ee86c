import type { Engine } from '../../engine/engine.ts';
import { manifest } from '../../engine/weights/manifest.ts';
import type { Source } from './detections.ts';
import { type Progress, readFiles, type UnreadableFile } from './readFiles.ts';

/** What was found in all files that could be read. */
export interface Collected<Found> {
  /** By path, in order. */
  readonly found: ReadonlyMap<string, Found>;
  readonly unreadable: readonly UnreadableFile[];
  readonly speed: Speed;
}

/** How fast the images were worked on that the cache did not know. */
export interface Speed {
  readonly images: number;
  /** Null when the cache knew all of them. */
  readonly imagesPerSecond: number | null;
}

/** What the figures of an evaluation hold for. */
export interface About {
  readonly date: string;
  readonly model: string;
  readonly crop: { readonly margin: number; readonly square: boolean; readonly align: boolean };
  readonly adapter: string;
  /** Sha256 of everything that makes the answers: weights, crop, parameters. */
  readonly fingerprint: string;
}

/** Does `work` on every file and keeps the answers; `reader.embed` or `reader.detect` for instance. */
export async function collect<Found extends { readonly computed: boolean }>(
  paths: readonly string[],
  work: (source: Source) => Promise<Found>,
  progress?: Progress,
): Promise<Collected<Found>> {
  const found = new Map<string, Found>();
  const unreadable: UnreadableFile[] = [];
  let [images, ms, last] = [0, 0, performance.now()];
  for await (const answer of readFiles(paths, work, progress)) {
    const now = performance.now();
    if ('error' in answer) unreadable.push(answer);
    else {
      found.set(answer.path, answer);
      if (answer.computed) [images, ms] = [images + 1, ms + now - last];
    }
    last = now;
  }
  const imagesPerSecond = images > 0 ? (images * 1000) / ms : null;
  return { found, unreadable, speed: { images, imagesPerSecond } };
}

/**
 * What figures got now hold for.
 * @param fingerprint of all that computed them.
 */
export function aboutRun(
  { adapter }: Engine,
  { model, fingerprint }: { readonly model: string; readonly fingerprint: string },
): About {
  const date = new Date().toISOString();
  return { date, model, crop: manifest(model).crop, adapter: adapter.description, fingerprint };
}
