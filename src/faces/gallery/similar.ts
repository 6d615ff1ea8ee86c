import { FacegraphError } from '../../errors.ts';
import { isMatch } from '../distance.ts';
import type { Indexes } from './indexes.ts';

/**
 * Cosine distance up to which two embeddings count as one picture of a face. With FaceNet, 24
 * photographs of LFW, re-encoded at quality 85 and 50, brightened, or scaled to 80 %, were within it
 * 91 times of 96 and cut differently 21 of 24; of 90 pairs of two photographs of one person the
 * nearest were 0.065 apart.
 */
export const SIMILAR = 0.03;

/** A face of a gallery that is all but the same as another. */
export interface SimilarFace {
  readonly faceId: string;
  /** Cosine distance. */
  readonly distance: number;
}

/**
 * For each embedding the face of the gallery that is all but the same, if there is one. It asks the
 * index, before the transaction that enrols: of two like faces enrolled at the same moment both may
 * get in.
 */
export async function findSimilar(
  { indexes }: { readonly indexes: Indexes },
  galleryId: string,
  embeddings: readonly Float32Array[],
): Promise<(SimilarFace | null)[]> {
  const options = { top: 1, threshold: SIMILAR, rankBy: 'face' } as const;
  const answers = await indexes.identify(galleryId, embeddings, options);
  return answers.map(({ candidates: [nearest] }) =>
    nearest && isMatch(nearest.distance, SIMILAR)
      ? { faceId: nearest.face.id, distance: nearest.distance }
      : null,
  );
}

/** The refusal of a face of which the gallery has all but the same. */
export function similarFailure({ faceId, distance }: SimilarFace): FacegraphError {
  return new FacegraphError(
    'DuplicateFace',
    `all but the same face is enrolled already, at a distance of ${distance.toFixed(4)}`,
    { faceId },
  );
}
