/**
 * Cuts `count` items into runs of the given batch sizes (ascending): full runs first, the last one
 * padded by less than half. Few sizes keep the plans few.
 */
export function batches(
  count: number,
  sizes: readonly number[],
): { size: number; from: number; count: number }[] {
  const runs: { size: number; from: number; count: number }[] = [];
  for (let from = 0; from < count; ) {
    const left = count - from;
    const cover = sizes.find((s) => s >= left);
    const within = sizes.findLast((s) => s <= left);
    const size =
      cover !== undefined && (within === undefined || cover < 2 * left) ? cover : within!;
    runs.push({ size, from, count: Math.min(size, left) });
    from += size;
  }
  return runs;
}
