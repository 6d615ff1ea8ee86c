/** What a server's metrics tell at one moment. */
export interface Reading {
  /** `performance.now()`. */
  readonly at: number;
  readonly adapter: string;
  /** Bytes. */
  readonly resident: number;
  /** Seconds; of the time since the reading before. */
  readonly lagP99: number;
  /** Of all embedding batches so far; NaN before the first. */
  readonly facesPerBatch: number;
}

/** Reads `/metrics`. @throws Error when it cannot be read, or lacks what is looked for. */
export async function scrape(url: string): Promise<Reading> {
  const text = await (await fetch(url)).text();
  const value = (name: string): number => {
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    if (!line) throw new Error(`${url} has no ${name}`);
    return Number(line.slice(name.length + 1));
  };
  return {
    at: performance.now(),
    adapter: /^facegraph_adapter_info\{.*description="([^"]*)"/m.exec(text)?.[1] ?? 'no adapter',
    resident: value('process_resident_memory_bytes'),
    lagP99: value('nodejs_eventloop_lag_p99_seconds'),
    facesPerBatch: value('facegraph_batch_faces_sum') / value('facegraph_batch_faces_count'),
  };
}
