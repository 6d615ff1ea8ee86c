import { type Span, timeSteps } from '../../gpu/clock.ts';
import type { Gpu } from '../../gpu/device.ts';
import { closeScope, encode, openScope } from '../../gpu/plan.ts';
import { submitAndRead } from '../../gpu/readback.ts';
import { copyCeiling, multiplyAddCeiling } from '../../kernels/ceilings.ts';
import { type Spread, spread } from '../spread.ts';
import type { Ceilings } from './profile.ts';
import type { Section } from './section.ts';

/** Does a piece of work while nobody else uses the device. */
export type Turn = <T>(task: () => Promise<T>) => Promise<T>;

/** Times of a section. */
export interface SectionTimes {
  /** Of every step, one a run. */
  readonly steps: readonly (readonly number[])[];
  /** Of the run whose total is in the middle. */
  readonly middle: readonly Span[];
  readonly whole: Spread;
}

/** Compiles what a profile needs beside the steps of a model. */
export async function warmCeilings(gpu: Gpu): Promise<void> {
  const scope = openScope(gpu);
  try {
    await timeSteps(gpu, [await copyCeiling(scope), await multiplyAddCeiling(scope)]);
  } finally {
    closeScope(scope);
  }
}

/**
 * Runs everything `runs` times, sections and ceilings in turn, so that whatever else the machine does
 * hits all of them alike. The first run only compiles and counts for nothing.
 */
export async function measure(
  gpu: Gpu,
  sections: readonly Section[],
  runs: number,
  turn: Turn,
  onRun: (run: number) => void,
): Promise<{ sections: SectionTimes[]; ceilings: Ceilings }> {
  const scope = openScope(gpu);
  try {
    const tops = [await copyCeiling(scope), await multiplyAddCeiling(scope)];
    const fastest = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const spans: Span[][][] = sections.map(() => []);
    const wholes: number[][] = sections.map(() => []);
    for (let run = 0; run <= runs; run++) {
      onRun(run);
      for (const [s, section] of sections.entries()) {
        const times = await turn(() => runSteps(gpu, section));
        const whole = await turn(() => runWhole(gpu, section));
        if (run === 0) continue;
        spans[s].push(times);
        wholes[s].push(whole);
      }
      const topTimes = await turn(() => timeSteps(gpu, [...tops, ...tops, ...tops]));
      if (run > 0)
        topTimes.forEach(({ begin, end }, i) => {
          fastest[i % 2] = Math.min(fastest[i % 2], end - begin);
        });
    }
    const [copied, multiplied] = tops.map(({ cost }) => cost);
    return {
      sections: sections.map((_, s) => times(spans[s], wholes[s])),
      ceilings: {
        bytesPerSecond: ((copied.read + copied.written) / fastest[0]) * 1000,
        flopPerSecond: (multiplied.flop / fastest[1]) * 1000,
        n: 3 * runs,
      },
    };
  } finally {
    closeScope(scope);
  }
}

function runSteps(gpu: Gpu, { subjects, reset }: Section): Promise<Span[]> {
  reset();
  return timeSteps(
    gpu,
    subjects.map(({ step }) => step),
  );
}

async function runWhole(gpu: Gpu, { subjects, parts, reset }: Section): Promise<number> {
  reset();
  const steps = subjects.map(({ step }) => step);
  const { buffer, offset } = parts[0].plan.input;
  const from = performance.now();
  await submitAndRead(gpu, (encoder) => encode(encoder, steps), [{ buffer, offset, size: 4 }]);
  return performance.now() - from;
}

function times(spans: readonly (readonly Span[])[], wholes: readonly number[]): SectionTimes {
  const byTotal = [...spans].sort((a, b) => total(a) - total(b));
  return {
    steps: spans[0].map((_, i) => spans.map((run) => run[i].end - run[i].begin)),
    middle: byTotal[Math.floor((byTotal.length - 1) / 2)],
    whole: spread(wholes),
  };
}

function total(run: readonly Span[]): number {
  return run.reduce((sum, { begin, end }) => sum + end - begin, 0);
}
