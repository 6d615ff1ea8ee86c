import type { Engine } from '../../engine/engine.ts';
import { type About, aboutReader, type Collected, collect, type Speed } from './collect.ts';
import { centralFace } from './mainFace.ts';
import { locatePictures, type PairList } from './pairs.ts';
import type { Embedded, Reader } from './reader.ts';
import type { Progress } from './readFiles.ts';
import {
  type ComparedPair,
  comparePairs,
  type VerificationFigures,
  verificationFigures,
} from './verification.ts';

/** The result of `eval verification`, as it is printed with --json. */
export interface VerificationResult {
  readonly evaluation: 'verification';
  readonly about: About;
  readonly dataset: {
    readonly images: number;
    readonly people: number;
    readonly genuinePairs: number;
    readonly impostorPairs: number;
    readonly folds: number;
    /** False when the pairs have no folds, so that they were made. */
    readonly foldsGiven: boolean;
  };
  /** Images without a usable face match nobody. */
  readonly failures: {
    readonly withoutFace: readonly string[];
    readonly unreadable: readonly { readonly image: string; readonly error: string }[];
    readonly genuinePairs: number;
    readonly impostorPairs: number;
  };
  readonly speed: Speed;
  readonly figures: VerificationFigures;
}

/** A result and what its report shows besides. */
export interface Verified {
  readonly result: VerificationResult;
  readonly pairs: readonly ComparedPair[];
  /** The file of each picture. */
  readonly files: ReadonlyMap<string, string>;
  readonly found: Collected<Embedded>['found'];
}

/**
 * Measures verification on pairs of pictures below a folder, of each the central face.
 * @param paths all pictures there are.
 * @throws FacegraphError `InvalidInput` when one of the pairs is not among them; those of the engine.
 */
export async function evaluateVerification(
  engine: Engine,
  reader: Reader,
  { pairs, folds, given }: PairList,
  paths: readonly string[],
  progress?: Progress,
): Promise<Verified> {
  const files = locatePictures(pairs, paths);
  const { found, unreadable, speed } = await collect([...files.values()], reader.embed, progress);
  const compared = comparePairs(pairs, (picture) => {
    const seen = found.get(files.get(picture)!);
    return seen && centralFace(seen)?.embedding;
  });
  const { threshold } = await engine.embedder(reader.model);
  const genuine = compared.filter((pair) => pair.genuine);
  const impostor = compared.filter((pair) => !pair.genuine);
  const failed = ({ distance }: ComparedPair) => distance === Infinity;
  const result: VerificationResult = {
    evaluation: 'verification',
    about: aboutReader(engine, reader),
    dataset: {
      images: files.size,
      people: new Set(pairs.flatMap(({ identities }) => identities)).size,
      genuinePairs: genuine.length,
      impostorPairs: impostor.length,
      folds,
      foldsGiven: given,
    },
    failures: {
      withoutFace: [...found].filter(([, { faces }]) => faces.length === 0).map(([path]) => path),
      unreadable: unreadable.map(({ path, error }) => ({ image: path, error: error.message })),
      genuinePairs: genuine.filter(failed).length,
      impostorPairs: impostor.filter(failed).length,
    },
    speed,
    figures: verificationFigures(compared, threshold),
  };
  return { result, pairs: compared, files, found };
}
