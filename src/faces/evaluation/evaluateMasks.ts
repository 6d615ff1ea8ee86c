import type { Engine } from '../../engine/engine.ts';
import { FacegraphError } from '../../errors.ts';
import { identityOf } from '../folder/known.ts';
import { type About, aboutReader, collect, type Speed } from './collect.ts';
import type { MaskProbe, MaskSubject } from './maskComparisons.ts';
import { embedMasked, type MaskChoice, type MaskedView } from './maskedSource.ts';
import { type MaskFigures, maskFigures } from './maskFigures.ts';
import type { Reader } from './reader.ts';
import type { Progress } from './readFiles.ts';

/** The result of `eval masks`, as it is printed with --json. */
export interface MasksResult {
  readonly evaluation: 'masks';
  readonly about: About;
  readonly masks: { readonly kind: string; readonly coverage: string; readonly seed: number };
  readonly dataset: {
    readonly images: number;
    /** Of whom two images and more have a face. */
    readonly people: number;
    readonly probes: number;
    /** People of whom there are fewer. */
    readonly peopleLeftOut: number;
  };
  readonly failures: {
    readonly withoutFace: readonly string[];
    /** Images in which the detector lost the face once it wore a mask. */
    readonly lostUnderMask: readonly string[];
    readonly unreadable: readonly { readonly image: string; readonly error: string }[];
  };
  readonly speed: Speed;
  readonly figures: MaskFigures;
}

/** A result and what its report shows besides. */
export interface MasksMeasured {
  readonly result: MasksResult;
  readonly subjects: readonly MaskSubject[];
  /** What was seen in each photograph, by path. */
  readonly views: ReadonlyMap<string, MaskedView>;
}

/**
 * Measures what masks cost on a folder of people: of each the first photograph with a face is enrolled,
 * the others are probes.
 * @throws FacegraphError `InvalidInput` when there are too few people; those of the engine.
 */
export async function evaluateMasks(
  engine: Engine,
  reader: Reader,
  directory: string,
  paths: readonly string[],
  choice: MaskChoice,
  progress?: Progress,
): Promise<MasksMeasured> {
  const byIdentity = new Map<string, string[]>();
  for (const path of paths) {
    const identity = identityOf(directory, path);
    byIdentity.set(identity, [...(byIdentity.get(identity) ?? []), path]);
  }
  // Of whom there is one image, nothing can be compared: it is not worth the time to look at it.
  const several = [...byIdentity].filter(([, images]) => images.length > 1);
  const { found, unreadable, speed } = await collect(
    several.flatMap(([, images]) => images),
    (source) => embedMasked(reader, source, choice),
    progress,
  );
  const subjects = several.flatMap(([identity, images]) => subject(identity, images, found));
  const figures = maskFigures(subjects, choice.seed);
  if (!figures)
    throw new FacegraphError(
      'InvalidInput',
      `${subjects.length} people with two images and more in ${directory} are too few to fix a threshold: 6 at least`,
    );
  const views = [...found];
  const result: MasksResult = {
    evaluation: 'masks',
    about: aboutReader(engine, reader),
    masks: { kind: choice.wish.kind, coverage: choice.wish.coverage, seed: choice.seed },
    dataset: {
      images: found.size,
      people: subjects.length,
      probes: subjects.reduce((sum, { probes }) => sum + probes.length, 0),
      peopleLeftOut: byIdentity.size - subjects.length,
    },
    failures: {
      withoutFace: views.filter(([, { plain }]) => !plain).map(([path]) => path),
      lostUnderMask: views.filter(([, v]) => v.plain && !v.masked).map(([path]) => path),
      unreadable: unreadable.map(({ path, error }) => ({ image: path, error: error.message })),
    },
    speed,
    figures,
  };
  return { result, subjects, views: found };
}

function subject(
  identity: string,
  images: readonly string[],
  found: ReadonlyMap<string, MaskedView>,
): MaskSubject[] {
  const photographs = images.flatMap((path): MaskProbe[] => {
    const view = found.get(path);
    if (!view) return [];
    const { plain, masked, mask } = view;
    return [{ path, plain: plain?.embedding ?? null, masked: masked?.embedding ?? null, mask }];
  });
  const enrolled = photographs.find(isSeen);
  const probes = photographs.filter((photograph) => photograph !== enrolled);
  return enrolled && probes.length > 0 ? [{ identity, enrolled, probes }] : [];
}

function isSeen(photograph: MaskProbe): photograph is MaskSubject['enrolled'] {
  return photograph.plain !== null;
}
