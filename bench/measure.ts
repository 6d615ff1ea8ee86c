import { setTimeout } from 'node:timers/promises';
import { quantiles, type Spread, spread } from '../src/engine/spread.ts';

/** One engine doing one task. */
export interface Contender {
  readonly engine: string;
  /** Loads what the task needs; the function it returns does the task once. */
  open(): Promise<{ run: () => Promise<unknown>; close: () => Promise<void> }>;
}

/** Milliseconds. */
export interface Timing extends Spread {
  readonly engine: string;
  /** Loading and the first run together. */
  readonly first: number;
}

export interface Effort {
  readonly rounds: number;
  /** No round of a task starts after this many milliseconds of them, once there are three. */
  readonly budget: number;
}

const LEAST_ROUNDS = 3;

/** Milliseconds between two runs: thread pools that spin after their work have gone to sleep then. */
const REST = 100;

/**
 * Times the contenders in interleaved rounds, each starting with another one, so that whatever else
 * the machine does hits all of them alike. Every second round goes backwards: nobody always follows
 * the same one.
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
      const step = round % 2 ? opened.length - i : i;
      const turn = (round + step) % opened.length;
      await setTimeout(REST);
      const from = performance.now();
      await opened[turn].run();
      times[turn].push(performance.now() - from);
    }
  }
  for (const { close } of opened) await close();
  return contenders.map(({ engine }, i) => ({ engine, first: firsts[i], ...summary(times[i]) }));
}

/** Median, quartiles and 95th percentile of durations. */
export function summary(times: readonly number[]): Spread & { readonly p95: number } {
  return { ...spread(times), p95: quantiles(times)(0.95) };
}
