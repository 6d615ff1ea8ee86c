/** Items of one run: a batch of `size`, of which the last may have fewer. */
export interface Run {
  readonly size: number;
  readonly from: number;
  readonly count: number;
}

/**
 * Cuts `count` items into runs of the given batch sizes so that all together cost least: a run costs
 * its size, padding included, and `start`. Of divisions that cost the same it is one with larger runs.
 * They come first; the last run may be padded. Few sizes keep the plans few.
 * @param sizes ascending.
 * @param start what a run costs however small it is, in items.
 */
export function batches(count: number, sizes: readonly number[], start: number): Run[] {
  // Of so many items, the least cost and the size of one of the runs then.
  const least = [0];
  const chosen = [0];
  for (let n = 1; n <= count; n++) {
    least[n] = Number.POSITIVE_INFINITY;
    for (const size of sizes) {
      const cost = start + size + least[Math.max(0, n - size)];
      if (cost > least[n]) continue;
      least[n] = cost;
      chosen[n] = size;
    }
  }
  const used: number[] = [];
  for (let left = count; left > 0; left -= chosen[left]) used.push(chosen[left]);
  // Padding is less than the smallest run, which else were not needed.
  used.sort((a, b) => b - a);
  let from = 0;
  return used.map((size) => {
    const run = { size, from, count: Math.min(size, count - from) };
    from += run.count;
    return run;
  });
}
