interface Bucket {
  tokens: number;
  /** When `tokens` was right, in milliseconds. */
  at: number;
}

/** Keeps each key to a rate, in the memory of this process: several processes allow several shares. */
export interface Rates {
  /**
   * Takes cost off what the key may still spend. A key that rested may spend a minute's share at once.
   * @returns 0; or, with nothing taken, the whole seconds after which there is enough.
   */
  spend(key: string, cost: number): number;
}

/**
 * A token bucket for each key. Keys are rows of the database, so there are never many.
 * @param perMinute 0: no limit.
 * @param now milliseconds of a clock that never goes back.
 */
export function createRates(perMinute: number, now: () => number = () => performance.now()): Rates {
  const buckets = new Map<string, Bucket>();
  const perMs = perMinute / 60_000;
  return {
    spend(key, cost) {
      if (perMinute === 0) return 0;
      const at = now();
      const before = buckets.get(key) ?? { tokens: perMinute, at };
      const tokens = Math.min(before.tokens + (at - before.at) * perMs, perMinute);
      // What is dearer than a full bucket waits for a full one: else it could never be had.
      const price = Math.min(cost, perMinute);
      const enough = tokens >= price;
      buckets.set(key, { tokens: enough ? tokens - price : tokens, at });
      return enough ? 0 : Math.max(Math.ceil((price - tokens) / perMs / 1000), 1);
    },
  };
}
