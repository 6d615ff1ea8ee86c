/** The middle of repeated measurements and how they scatter. */
export interface Spread {
  readonly median: number;
  readonly quartiles: readonly [lower: number, upper: number];
  readonly n: number;
}

/** Median and quartiles of values. */
export function spread(values: readonly number[]): Spread {
  const at = quantiles(values);
  return { median: at(0.5), quartiles: [at(0.25), at(0.75)], n: values.length };
}

/** The value below which a share of the values lies, between two of them in proportion. */
export function quantiles(values: readonly number[]): (share: number) => number {
  const sorted = [...values].sort((a, b) => a - b);
  return (share) => {
    const position = share * (sorted.length - 1);
    const below = Math.floor(position);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  };
}
