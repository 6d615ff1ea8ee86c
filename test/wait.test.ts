import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Gpu } from '../src/gpu/device.ts';
import { waitFor } from '../src/gpu/wait.ts';

const adapter = (software: boolean) => ({ adapter: { software } }) as Gpu;
const elapsed = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Turns of the event loop in so many milliseconds. */
async function turns(ms: number): Promise<number> {
  const until = performance.now() + ms;
  let count = 0;
  for (; performance.now() < until; count++) await turn();
  return count;
}

describe('waiting for the GPU', () => {
  it('lets the loop rest between polls of a software adapter, and only while something waits', async () => {
    const both = [waitFor(adapter(true), elapsed(60)), waitFor(adapter(true), elapsed(120))];
    expect(await turns(100)).toBeLessThan(100 / 0.4 + 10);
    await Promise.all(both);
    await turn();
    expect(await turns(100)).toBeGreaterThan(1000);
  });

  it('rests once a turn, however many waits follow each other', async () => {
    const from = performance.now();
    for (let i = 0; i < 50; i++) await waitFor(adapter(true), turn());
    expect(performance.now() - from).toBeLessThan(50 * 2);
  });

  it('polls a GPU without pause', async () => {
    const waiting = waitFor(adapter(false), elapsed(100));
    expect(await turns(100)).toBeGreaterThan(1000);
    await waiting;
  });

  it('passes results and failures on and stops resting after either', async () => {
    expect(await waitFor(adapter(true), Promise.resolve(7))).toBe(7);
    await expect(waitFor(adapter(true), Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    await turn();
    expect(await turns(100)).toBeGreaterThan(1000);
  });
});
