/** Subscriptions that a client, a key or an address, may keep open: each asks the database now and then. */
export const MAX_STREAMS = 20;

/** Counts subscriptions by client, in the memory of this process. */
export interface Streams {
  /** @returns what ends it; null where the client has as many as it may. */
  open(client: string): (() => void) | null;
}

export function createStreams(): Streams {
  const counts = new Map<string, number>();
  return {
    open(client) {
      const count = counts.get(client) ?? 0;
      if (count >= MAX_STREAMS) return null;
      counts.set(client, count + 1);
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        const left = counts.get(client)! - 1;
        if (left > 0) counts.set(client, left);
        else counts.delete(client);
      };
    },
  };
}
