import { clearProgress, progress } from '../src/cli/progress.ts';
import { quantiles } from '../src/engine/spread.ts';

/** Callers that each begin anew as soon as they have their answer. */
export interface LoadOptions {
  readonly clients: number;
  readonly seconds: number;
  /** Does one thing for a client, its `turn`-th. */
  work(client: number, turn: number): Promise<void>;
  /** What the progress on stderr calls it. */
  readonly label: string;
}

/** What came of it after the first tenth, in which the queue fills. */
export interface Load {
  readonly perSecond: number;
  readonly count: number;
  /** Seconds. */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** How often each client was served. */
  readonly perClient: readonly number[];
  /** Messages of what failed, at any time, with their numbers. */
  readonly errors: ReadonlyMap<string, number>;
}

/** Of the time, before anything is counted: the queue fills meanwhile. */
const RAMP = 0.1;
/** Pause of a client that got an error, which else would ask thousands of times a second. */
const PAUSE_MS = 500;

/** Runs a load and waits for its last answers, which no longer count. */
export async function load({ clients, seconds, work, label }: LoadOptions): Promise<Load> {
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const counted = begin + RAMP * seconds * 1000;
  const latencies: number[] = [];
  const perClient = Array<number>(clients).fill(0);
  const errors = new Map<string, number>();

  const client = async (which: number) => {
    for (let turn = 0; performance.now() < end; turn++) {
      const from = performance.now();
      try {
        await work(which, turn);
      } catch (error) {
        const { message } = error as Error;
        errors.set(message, (errors.get(message) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        continue;
      }
      const now = performance.now();
      if (now < counted || now > end) continue;
      latencies.push((now - from) / 1000);
      perClient[which]++;
    }
  };

  let second = 0;
  const telling = setInterval(() => progress(label, second++, Math.round(seconds), 's'), 1000);
  await Promise.all(Array.from({ length: clients }, (_, which) => client(which)));
  clearInterval(telling);
  clearProgress();
  latencies.sort((a, b) => a - b);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map(quantiles(latencies));
  return {
    perSecond: latencies.length / (seconds * (1 - RAMP)),
    count: latencies.length,
    latency: { p50, p95, p99 },
    perClient,
    errors,
  };
}
