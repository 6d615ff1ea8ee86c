import type { SearchIndex } from '../../engine/engine.ts';
import type { MaskTemplate } from '../masks/templates.ts';
import { type KnownRow, maskRowId, maskRowIds } from './ranked.ts';
import type { FaceRow } from './rows.ts';
import type { VectorCounts } from './vectors.ts';

/** One set of rows to be ranked. */
export interface Ranked {
  /** Makes the index with the first row, which says how long an embedding is. */
  readonly make: (dimensions: number) => SearchIndex;
  index?: SearchIndex;
  /** Empty for faces of nobody known. */
  readonly known: Map<string, KnownRow>;
}

/** The embeddings of a gallery in the memory of this process. */
export interface GalleryIndex {
  readonly model: string;
  version: number;
  readonly face: Ranked;
  readonly template: Ranked;
  /** What drawn masks make of the faces: apart, since only probes are compared with them. */
  readonly mask: Ranked;
  /** Faces of nobody known: apart, so that they cannot crowd people out of a search. */
  readonly unassigned: Ranked;
  /** Set where people are searched in the database: then `face`, `template` and `mask` are empty. */
  inDatabase?: VectorCounts;
}

/** Enters a row, or another embedding of it. */
export function put(
  ranked: Ranked,
  rowId: string,
  embedding: Float32Array,
  known?: KnownRow,
): void {
  ranked.index ??= ranked.make(embedding.length);
  ranked.index.add(rowId, embedding);
  if (known) ranked.known.set(rowId, known);
}

/** Takes a row out, if it is there. */
export function drop(ranked: Ranked, rowId: string): void {
  ranked.index?.remove(rowId);
  ranked.known.delete(rowId);
}

/**
 * Brings what a gallery holds of a face to what the database does.
 * @param row undefined: the face is gone.
 */
export function place(
  { face, mask, unassigned, inDatabase }: GalleryIndex,
  id: string,
  row: FaceRow | undefined,
  masks: readonly MaskTemplate[] = [],
): void {
  const identity = row?.identityId;
  if (row && !identity) put(unassigned, id, row.embedding);
  else drop(unassigned, id);
  if (inDatabase) return;
  if (mask.known.size > 0) for (const rowId of maskRowIds(id)) drop(mask, rowId);
  if (!row || !identity) {
    drop(face, id);
    return;
  }
  put(face, id, row.embedding, { id, identity, mask: null });
  for (const { kind, embedding } of masks)
    put(mask, maskRowId(id, kind), embedding, { id, identity, mask: kind });
}

/** Faces of people. */
export function facesOf({ face, inDatabase }: GalleryIndex): number {
  return inDatabase?.face ?? face.known.size;
}

/** What drawn masks make of them. */
export function masksOf({ mask, inDatabase }: GalleryIndex): number {
  return inDatabase?.mask ?? mask.known.size;
}

/** Frees the GPU memory. */
export function discard(gallery: GalleryIndex | undefined): void {
  if (!gallery) return;
  for (const { index } of [gallery.face, gallery.template, gallery.mask, gallery.unassigned])
    index?.destroy();
}
