import type { Engine } from '../../engine/engine.ts';
import { identityOf } from '../folder/known.ts';
import { type About, aboutReader, collect, type Speed } from './collect.ts';
import { type HeldIn, heldInCheck } from './heldIn.ts';
import { centralFace } from './mainFace.ts';
import type { Reader } from './reader.ts';
import type { Progress } from './readFiles.ts';

/** The result of `eval calibration`, as it is printed with --json. */
export interface CalibrationResult {
  readonly evaluation: 'calibration';
  readonly about: About;
  readonly dataset: {
    readonly images: number;
    readonly people: number;
    readonly faces: number;
  };
  /** Pictures that take no part. */
  readonly failures: {
    readonly withoutFace: readonly string[];
    readonly unreadable: readonly { readonly image: string; readonly error: string }[];
  };
  readonly speed: Speed;
  /** One for each division of the people into halves. */
  readonly divisions: readonly HeldIn[];
}

/**
 * Checks promised false match rates on a folder with a folder for each person, of each picture by its
 * central face: half of the people calibrate, the other half are measured.
 * @param divisions how often to divide them, with the seeds from `seed` on.
 * @throws FacegraphError `TooFewFaces`; those of the engine.
 */
export async function evaluateCalibration(
  engine: Engine,
  reader: Reader,
  test: {
    readonly directory: string;
    readonly paths: readonly string[];
    readonly seed: number;
    readonly divisions: number;
  },
  progress?: Progress,
): Promise<CalibrationResult> {
  const { directory, paths } = test;
  const { found, unreadable, speed } = await collect(paths, reader.embed, progress);
  const faces = [...found].flatMap(([path, seen]) => {
    const face = centralFace(seen);
    if (!face) return [];
    const { embedding } = face;
    return [{ identity: identityOf(directory, path), imageHash: path, embedding }];
  });
  const divisions: HeldIn[] = [];
  for (let i = 0; i < test.divisions; i++) divisions.push(await heldInCheck(faces, test.seed + i));
  return {
    evaluation: 'calibration',
    about: aboutReader(engine, reader),
    dataset: {
      images: paths.length,
      people: new Set(faces.map(({ identity }) => identity)).size,
      faces: faces.length,
    },
    failures: {
      withoutFace: [...found].filter(([, seen]) => seen.faces.length === 0).map(([path]) => path),
      unreadable: unreadable.map(({ path, error }) => ({ image: path, error: error.message })),
    },
    speed,
    divisions,
  };
}
