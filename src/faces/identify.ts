import type { SearchIndex } from '../engine/engine.ts';
import { isMatch } from './distance.ts';

/** An identity near a probe, represented by its nearest face. */
export interface Candidate<F> {
  readonly identity: string;
  readonly face: F;
  /** Cosine distance. */
  readonly distance: number;
}

/** The answer for one probe face. */
export interface Identification<F> {
  /** Distinct identities, nearest first, whether they match or not. */
  readonly candidates: readonly Candidate<F>[];
  /** The nearest identity within the threshold; null is an explicit "unknown". */
  readonly match: string | null;
}

export interface IdentifyOptions {
  /** Identities per face. */
  readonly top: number;
  /** Cosine distance up to which the nearest identity is a match. */
  readonly threshold: number;
  /** Identities that are passed over. */
  readonly exclude?: ReadonlySet<string>;
}

/**
 * The nearest known identities of each probe embedding.
 * @param known what each row of the index shows, by row id; rows it does not name are passed over.
 */
export async function identify<F extends { readonly identity: string }>(
  index: Pick<SearchIndex, 'size' | 'search'>,
  known: ReadonlyMap<string, F>,
  probes: readonly Float32Array[],
  { top, threshold, exclude }: IdentifyOptions,
): Promise<Identification<F>[]> {
  const ranked = await nearestIdentities(index, known, probes, top, exclude);
  return ranked.map((candidates) => {
    const [best] = candidates;
    return { candidates, match: best && isMatch(best.distance, threshold) ? best.identity : null };
  });
}

// An identity with many faces can fill the nearest rows alone, so the search widens until every
// probe has enough distinct identities or has seen the whole index.
async function nearestIdentities<F extends { readonly identity: string }>(
  index: Pick<SearchIndex, 'size' | 'search'>,
  known: ReadonlyMap<string, F>,
  probes: readonly Float32Array[],
  top: number,
  exclude: ReadonlySet<string> | undefined,
): Promise<Candidate<F>[][]> {
  if (probes.length === 0 || index.size === 0) return probes.map(() => []);
  for (let k = top * 4; ; k *= 4) {
    const rows = await index.search(probes, Math.min(k, index.size));
    const ranked = rows.map((hits) => distinct(hits, known, top, exclude));
    if (k >= index.size || ranked.every((candidates) => candidates.length === top)) return ranked;
  }
}

function distinct<F extends { readonly identity: string }>(
  hits: readonly { id: string; distance: number }[],
  known: ReadonlyMap<string, F>,
  top: number,
  exclude: ReadonlySet<string> | undefined,
): Candidate<F>[] {
  const best = new Map<string, Candidate<F>>();
  for (const { id, distance } of hits) {
    const face = known.get(id);
    if (face && !best.has(face.identity) && !exclude?.has(face.identity))
      best.set(face.identity, { identity: face.identity, face, distance: Math.max(0, distance) });
    if (best.size === top) break;
  }
  return [...best.values()];
}
