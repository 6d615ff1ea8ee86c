import type { DetectOptions, Engine } from '../../engine/engine.ts';
import { type Manifest, manifest } from '../../engine/weights/manifest.ts';
import type { Source } from './detections.ts';
import type { Reader } from './reader.ts';
import { type Progress, readFiles, type UnreadableFile } from './readFiles.ts';

/** What was found in all files that could be read. */
export interface Collected<Found> {
  /** By path, in order. */
  readonly found: ReadonlyMap<string, Found>;
  readonly unreadable: readonly UnreadableFile[];
  readonly speed: Speed;
}

/** How fast the images were worked on of which the cache knew nothing. */
export interface Speed {
  readonly images: number;
  /** Null without any. */
  readonly imagesPerSecond: number | null;
}

/** What the figures of an evaluation hold for. */
export interface About {
  readonly date: string;
  readonly model: string;
  /** How faces were cut out for the model; null for a detector. */
  readonly crop: Manifest['crop'] | null;
  /** What was asked of the detector; nothing: its defaults. */
  readonly detection: DetectOptions;
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

/** What figures got by a reader hold for. */
export function aboutReader(engine: Engine, { model, detection, fingerprints }: Reader): About {
  return aboutRun(engine, { model, detection, fingerprint: fingerprints.embedding });
}

/** What figures got now hold for. */
export function aboutRun(
  { adapter }: Engine,
  how: Pick<About, 'model' | 'detection' | 'fingerprint'>,
): About {
  const { kind, crop } = manifest(how.model);
  return {
    date: new Date().toISOString(),
    model: how.model,
    crop: kind === 'detector' ? null : crop,
    detection: how.detection,
    adapter: adapter.description,
    fingerprint: how.fingerprint,
  };
}
