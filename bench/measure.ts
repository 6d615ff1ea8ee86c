/** One engine doing one task. */
export interface Contender {
  readonly engine: string;
  /** Loads what the task needs; the function it returns does the task once. */
  open(): Promise<{ run: () => Promise<unknown>; close: () => Promise<void> }>;
}

/** Milliseconds. */
export interface Timing {
  readonly engine: string;
  /** Loading and the first run together. */
  readonly first: number;
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly n: number;
}

export interface Effort {
  readonly rounds: number;
  /** No round of a task starts after this many milliseconds of them, once there are three. */
  readonly budget: number;
}

const LEAST_ROUNDS = 3;

/**
 * Times the contenders in interleaved rounds, each starting with another one, so that whatever else
 * the machine does hits all of them alike.
 */
export async function measure(
  contenders: readonly Contender[],
  { rounds, budget }: Effort,
): Promise<Timing[]> {
  const opened: { run: () => Promise<unknown>; close: () => Promise<void> }[] = [];
  const firsts: number[] = [];
  const times: number[][] = contenders.map(() => []);
  for (const contender of contenders) {
    const from = performance.now();
    const one = await contender.open();
    await one.run();
    firsts.push(performance.now() - from);
    opened.push(one);
  }
  for (const { run } of opened) await run();
  const start = performance.now();
  for (let round = 0; round < rounds; round++) {
    if (round >= LEAST_ROUNDS && performance.now() - start > budget) break;
    for (let i = 0; i < opened.length; i++) {
      const turn = (round + i) % opened.length;
      const from = performance.now();
      await opened[turn].run();
      times[turn].push(performance.now() - from);
    }
  }
  for (const { close } of opened) await close();
  return contenders.map(({ engine }, i) => ({ engine, first: firsts[i], ...summary(times[i]) }));
}

/** Median, quartiles and 95th percentile of durations. */
export function summary(
  times: readonly number[],
): Omit<Timing, 'engine' | 'first'> & { readonly p95: number } {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => quantile(sorted, share);
  return { median: at(0.5), quartiles: [at(0.25), at(0.75)], p95: at(0.95), n: times.length };
}

/** The value below which a share of sorted values lies, between two of them by proportion. */
export function quantile(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
