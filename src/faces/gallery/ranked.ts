import { MaskKind } from '../../generated/prisma/client.ts';
import { isMatch } from '../distance.ts';
import type { Candidate, Identification, IdentifyOptions } from '../identify.ts';

/** What the index knows of a row; `id` is a face's, or the identity's own where templates are ranked. */
export interface KnownRow {
  readonly id: string;
  readonly identity: string;
  /** The drawn mask under which the row has the face; null: the face itself, or a template. */
  readonly mask: MaskKind | null;
}

/** A face near a probe. */
export interface Hit {
  readonly id: string;
  /** Cosine distance. */
  readonly distance: number;
  /** The drawn mask under which it is that near; null: as it is. */
  readonly mask: MaskKind | null;
}

/** What the row of a face under a drawn mask is called in an index. */
export function maskRowId(faceId: string, kind: MaskKind): string {
  return `${faceId}/${kind}`;
}

/** What the rows of a face under drawn masks may be called. */
export function maskRowIds(faceId: string): string[] {
  return Object.values(MaskKind).map((kind) => maskRowId(faceId, kind));
}

/** The answer for one probe out of the answers of several indexes for it: the nearest of each identity. */
export function mergeIdentifications(
  answers: readonly Identification<KnownRow>[],
  { top, threshold }: IdentifyOptions,
): Identification<KnownRow> {
  const best = new Map<string, Candidate<KnownRow>>();
  for (const candidate of answers.flatMap(({ candidates }) => candidates).sort(byDistance))
    if (!best.has(candidate.identity)) best.set(candidate.identity, candidate);
  const candidates = [...best.values()].slice(0, top);
  const [nearest] = candidates;
  const match = nearest && isMatch(nearest.distance, threshold) ? nearest.identity : null;
  return { candidates, match };
}

/**
 * The `k` nearest faces of one probe out of the rows that several indexes found for it.
 * @param found with what each index knows of its rows; faces of nobody are rows that it does not.
 */
export function mergeHits(
  found: readonly {
    readonly hits: readonly { readonly id: string; readonly distance: number }[];
    readonly known: ReadonlyMap<string, KnownRow>;
  }[],
  k: number,
): Hit[] {
  const hits = found.flatMap(({ hits, known }) =>
    hits.map(({ id, distance }): Hit => {
      const row = known.get(id);
      return { id: row?.id ?? id, distance: Math.max(0, distance), mask: row?.mask ?? null };
    }),
  );
  const best = new Map<string, Hit>();
  for (const hit of hits.sort((a, b) => byDistance(a, b) || (a.id < b.id ? -1 : 1)))
    if (!best.has(hit.id)) best.set(hit.id, hit);
  return [...best.values()].slice(0, k);
}

function byDistance(a: { readonly distance: number }, b: { readonly distance: number }): number {
  return a.distance - b.distance;
}
