import type { Engine } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { FacegraphError } from '../../errors.ts';
import { identityOf } from '../folder/known.ts';
import { refusalsOf } from '../quality/limits.ts';
import { measureQuality, type Quality } from '../quality/quality.ts';
import { type About, aboutReader, collect, type Speed } from './collect.ts';
import type { Source } from './detections.ts';
import { type DiscardPoint, discardCurve } from './discard.ts';
import { centralFace } from './mainFace.ts';
import type { Reader } from './reader.ts';
import type { Progress } from './readFiles.ts';

/** Every other person by name, for weights that were chosen on the others. */
export type Half = 'first' | 'second';

/** The result of `eval quality`, as it is printed with --json. */
export interface QualityResult {
  readonly evaluation: 'quality';
  readonly about: About;
  readonly dataset: {
    readonly images: number;
    readonly people: number;
    readonly faces: number;
    readonly half: Half | null;
    /** Faces that the standard limits of a gallery refuse. */
    readonly refusedByStandard: number;
  };
  readonly failures: {
    readonly withoutFace: readonly string[];
    readonly unreadable: readonly { readonly image: string; readonly error: string }[];
  };
  readonly speed: Speed;
  /** The false match rates that the points are for. */
  readonly fmrs: readonly number[];
  readonly points: readonly DiscardPoint[];
}

/** A face of a picture with its quality. */
export interface MeasuredFace {
  readonly path: string;
  readonly face: Face;
  readonly quality: Quality;
}

/** A result and what its report shows besides. */
export interface QualityEvaluated {
  readonly result: QualityResult;
  /** The worst first. */
  readonly faces: readonly MeasuredFace[];
}

const FMRS = [1e-2, 1e-3, 1e-4];
const SHARES = [0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2];

/**
 * Measures what refusing faces of low quality does for recognition: all pairs of the central faces of a
 * folder with a folder for each person.
 * @throws FacegraphError `InvalidInput` when no two pictures are of one person, and those of the engine.
 */
export async function evaluateQuality(
  engine: Engine,
  reader: Reader,
  test: { readonly directory: string; readonly paths: readonly string[]; readonly half?: Half },
  progress?: Progress,
): Promise<QualityEvaluated> {
  const { directory, half } = test;
  const paths = chosen(directory, test.paths, half);
  const { found, unreadable, speed } = await collect(paths, measured(reader), progress);
  const usable = [...found].flatMap(([path, { main }]) => (main ? [{ path, ...main }] : []));
  const faces = usable.map(({ path, embedding, quality }) => {
    return { identity: identityOf(directory, path), embedding, score: quality.score };
  });
  const points = discardCurve(faces, SHARES, FMRS);
  if (points[0].genuinePairs === 0)
    throw new FacegraphError(
      'InvalidInput',
      `${directory} needs somebody with two pictures: expected Name/*.jpg`,
    );
  const result: QualityResult = {
    evaluation: 'quality',
    about: aboutReader(engine, reader),
    dataset: {
      images: paths.length,
      people: new Set(faces.map(({ identity }) => identity)).size,
      faces: faces.length,
      half: half ?? null,
      refusedByStandard: usable.filter(({ quality }) => refusalsOf(quality, null).length > 0)
        .length,
    },
    failures: {
      withoutFace: [...found].filter(([, { main }]) => !main).map(([path]) => path),
      unreadable: unreadable.map(({ path, error }) => ({ image: path, error: error.message })),
    },
    speed,
    fmrs: FMRS,
    points,
  };
  const sorted = [...usable].sort((a, b) => a.quality.score - b.quality.score);
  return { result, faces: sorted };
}

function measured(reader: Reader) {
  return async ({ key, image }: Source) => {
    let decoded: Promise<Image> | undefined;
    const once = () => (decoded ??= image());
    const found = await reader.embed({ key, image: once });
    const central = centralFace(found);
    const main = central && { ...central, quality: measureQuality(await once(), central.face) };
    return { computed: found.computed, main };
  };
}

function chosen(directory: string, paths: readonly string[], half?: Half): readonly string[] {
  if (!half) return paths;
  const people = [...new Set(paths.map((path) => identityOf(directory, path)))].sort();
  const wanted = new Set(people.filter((_, i) => i % 2 === (half === 'first' ? 0 : 1)));
  return paths.filter((path) => wanted.has(identityOf(directory, path)));
}
