import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { DetectOptions, Engine } from '../../engine/engine.ts';
import { FacegraphError } from '../../errors.ts';
import type { MarkedImages } from './boxes.ts';
import { type About, aboutRun, collect, type Speed } from './collect.ts';
import {
  type DetectionFigures,
  detectionFigures,
  falsePositivesPerImage,
  type JudgedImage,
  judge,
} from './detection.ts';
import { keptDetection } from './detections.ts';
import type { Figure } from './figure.ts';
import { detectionFingerprint } from './fingerprint.ts';
import type { Progress } from './readFiles.ts';
import { evaluationDir, openStore } from './store.ts';

/** The result of `eval detection`, as it is printed with --json. */
export interface DetectionResult {
  readonly evaluation: 'detection';
  readonly about: About;
  readonly dataset: {
    readonly images: number;
    /** Marked faces, ignored ones left out. */
    readonly faces: number;
    /** Images that show no face; null when none were given. */
    readonly imagesWithoutFaces: number | null;
  };
  readonly failures: {
    readonly unreadable: readonly { readonly image: string; readonly error: string }[];
  };
  readonly speed: Speed;
  readonly figures: DetectionFigures & {
    /** On images that show no face; null when none were given. */
    readonly falsePositivesPerImage: Figure | null;
  };
}

/** A result and what its report shows besides. */
export interface Detection {
  readonly result: DetectionResult;
  readonly images: readonly JudgedImage[];
  /** Images that show no face, with what was found all the same. */
  readonly empty: readonly JudgedImage[];
}

/** What detection is measured on. */
export interface DetectionTest {
  /** Folder that the names of the marked images start from. */
  readonly directory: string;
  readonly marked: MarkedImages;
  /** Images that show no face. */
  readonly withoutFaces: readonly string[];
}

/**
 * Measures the detector on images whose faces are marked. An image that cannot be read is left out.
 * @throws FacegraphError `InvalidInput` when a marked image is missing; those of the engine.
 */
export async function evaluateDetection(
  engine: Engine,
  detect: DetectOptions,
  { directory, marked, withoutFaces }: DetectionTest,
  progress?: Progress,
): Promise<Detection> {
  const fingerprint = detectionFingerprint(detect);
  const work = keptDetection(engine, openStore(evaluationDir()), { detect, fingerprint });
  const boxes = new Map([...marked].map(([name, own]) => [join(directory, name), own]));
  await assertThere([...boxes.keys()]);
  for (const path of withoutFaces) boxes.set(path, []);
  const { found, unreadable, speed } = await collect([...boxes.keys()], work, progress);
  const judged = [...found].map(([path, { faces }]) => judge(path, faces, boxes.get(path)!));
  const empty = new Set(withoutFaces);
  const images = judged.filter(({ path }) => !empty.has(path));
  const others = judged.filter(({ path }) => empty.has(path));
  const counts = others.map((image) => image.found.length);
  const result: DetectionResult = {
    evaluation: 'detection',
    about: aboutRun(engine, { model: 'mtcnn', detection: detect, fingerprint }),
    dataset: {
      images: images.length,
      faces: images.reduce((sum, image) => sum + image.marked.length, 0),
      imagesWithoutFaces: counts.length > 0 ? counts.length : null,
    },
    failures: {
      unreadable: unreadable.map(({ path, error }) => ({ image: path, error: error.message })),
    },
    speed,
    figures: {
      ...detectionFigures(images),
      falsePositivesPerImage: counts.length > 0 ? falsePositivesPerImage(counts) : null,
    },
  };
  return { result, images, empty: others };
}

// Before hours of work, not after.
async function assertThere(paths: readonly string[]): Promise<void> {
  for (const path of paths)
    await access(path).catch(() => {
      throw new FacegraphError('InvalidInput', `${path}, whose faces are marked, is not there`);
    });
}
