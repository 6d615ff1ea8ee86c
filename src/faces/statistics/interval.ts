/** A 95 % confidence interval. */
export type Interval = readonly [low: number, high: number];

/** The normal deviate that leaves 2.5 % on each side. */
const Z = 1.959963984540054;
/** The one that leaves 5 % on one side. */
const Z_ONE_SIDED = 1.6448536269514722;

/**
 * Wilson's score interval of a share: `hits` of `n`. It holds for shares near 0 and 1 too; with n = 0
 * nothing is known. The trials are taken as independent, which comparisons that share a face are not.
 */
export function wilson(hits: number, n: number): Interval {
  if (n === 0) return [0, 1];
  const share = hits / n;
  const scale = 1 + Z ** 2 / n;
  const centre = (share + Z ** 2 / (2 * n)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / n + (Z / (2 * n)) ** 2);
  return [hits === 0 ? 0 : Math.max(0, centre - half), hits === n ? 1 : Math.min(1, centre + half)];
}

/**
 * What a rate lies under with 95 % confidence after `hits` of `n`, few of many: the exact Poisson bound
 * by the Wilson–Hilferty approximation, which is within 1 % of it. Without a hit it is the rule of
 * three, 3/n. The trials are taken as independent.
 */
export function rateBelow(hits: number, n: number): number {
  if (hits === 0) return Math.min(1, 3 / n);
  const m = hits + 1;
  return Math.min(1, (m * (1 - 1 / (9 * m) + Z_ONE_SIDED / (3 * Math.sqrt(m))) ** 3) / n);
}
