/** A stretch of the arena, and the first and last step that touch it. */
export interface Lifetime {
  readonly name: string;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Where each tensor lies in one shared buffer. */
export interface Layout {
  readonly offsets: ReadonlyMap<string, number>;
  readonly bytes: number;
}

/** Storage binding offsets must be multiples of this. */
const ALIGNMENT = 256;

/**
 * Packs tensors into one buffer so that those alive at the same time do not overlap: largest first,
 * each at the lowest offset that is free for its whole lifetime.
 */
export function layOut(lifetimes: readonly Lifetime[]): Layout {
  const placed: { offset: number; end: number; life: Lifetime }[] = [];
  const offsets = new Map<string, number>();
  let bytes = 0;
  for (const life of [...lifetimes].sort((a, b) => b.bytes - a.bytes)) {
    const size = Math.ceil(life.bytes / ALIGNMENT) * ALIGNMENT;
    const rivals = placed
      .filter((p) => p.life.first <= life.last && life.first <= p.life.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const rival of rivals) {
      if (offset + size <= rival.offset) break;
      offset = Math.max(offset, rival.end);
    }
    placed.push({ offset, end: offset + size, life });
    offsets.set(life.name, offset);
    bytes = Math.max(bytes, offset + size);
  }
  return { offsets, bytes };
}
