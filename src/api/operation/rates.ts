interface Bucket {
  tokens: number;
  /** When `tokens` was right, in milliseconds. */
  at: number;
}

/** Keeps each client to a rate, in the memory of this process: several processes allow several shares. */
export interface Rates {
  /**
   * Takes cost off what the client, a key or an address, may still spend. One that rested may spend
   * a minute's share at once.
   * @returns 0; or, with nothing taken, the whole seconds after which there is enough.
   */
  spend(client: string, cost: number): number;
}

/** Clients remembered: whoever was not heard of longest is forgotten, and begins anew. */
const MAX_CLIENTS = 10_000;

/**
 * A token bucket for each client.
 * @param perMinute 0: no limit.
 * @param now milliseconds of a clock that never goes back.
 */
export function createRates(perMinute: number, now: () => number = () => performance.now()): Rates {
  const buckets = new Map<string, Bucket>();
  const perMs = perMinute / 60_000;
  return {
    spend(client, cost) {
      if (perMinute === 0) return 0;
      const at = now();
      const before = buckets.get(client) ?? { tokens: perMinute, at };
      const tokens = Math.min(before.tokens + (at - before.at) * perMs, perMinute);
      // What is dearer than a full bucket waits for a full one: else it could never be had.
      const price = Math.min(cost, perMinute);
      const enough = tokens >= price;
      // Last in the order of the map.
      buckets.delete(client);
      buckets.set(client, { tokens: enough ? tokens - price : tokens, at });
      if (buckets.size > MAX_CLIENTS) buckets.delete(buckets.keys().next().value!);
      return enough ? 0 : Math.max(Math.ceil((price - tokens) / perMs / 1000), 1);
    },
  };
}
