import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Gpu } from '../src/gpu/device.ts';
import { waitFor } from '../src/gpu/wait.ts';

const adapter = (software: boolean) => ({ adapter: { software } }) as Gpu;

/** How often the event loop rested while it turned this often. Time says nothing on a busy machine. */
async function restsOf(turns: number): Promise<number> {
  const wait = vi.spyOn(Atomics, 'wait');
  for (let i = 0; i < turns; i++) await turn();
  return wait.mock.calls.length;
}

function pending(): { promise: Promise<void>; settle(): void } {
  let settle!: () => void;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}

describe('waiting for the GPU', () => {
  afterEach(() => vi.restoreAllMocks());

  it('lets the loop rest in every turn for a software adapter, and only while something waits', async () => {
    const [first, second] = [pending(), pending()];
    const both = [waitFor(adapter(true), first.promise), waitFor(adapter(true), second.promise)];
    await turn();
    expect(await restsOf(20)).toBe(20);
    first.settle();
    vi.restoreAllMocks();
    expect(await restsOf(20)).toBe(20);
    second.settle();
    await Promise.all(both);
    await turn();
    vi.restoreAllMocks();
    expect(await restsOf(20)).toBe(0);
  });

  it('rests for less than half a millisecond, in which the other timers of the process are not late', async () => {
    const { promise, settle } = pending();
    const waiting = waitFor(adapter(true), promise);
    expect(await restsOf(5)).toBe(5);
    for (const [, , , ms] of vi.mocked(Atomics.wait).mock.calls) expect(ms).toBeLessThan(0.5);
    settle();
    await waiting;
  });

  it('rests once a turn, however many waits follow each other', async () => {
    const wait = vi.spyOn(Atomics, 'wait');
    for (let i = 0; i < 50; i++) await waitFor(adapter(true), turn());
    expect(wait.mock.calls.length).toBeLessThanOrEqual(51);
  });

  it('polls a GPU without pause', async () => {
    const { promise, settle } = pending();
    const waiting = waitFor(adapter(false), promise);
    expect(await restsOf(20)).toBe(0);
    settle();
    await waiting;
  });

  it('passes results and failures on and stops resting after either', async () => {
    expect(await waitFor(adapter(true), Promise.resolve(7))).toBe(7);
    await expect(waitFor(adapter(true), Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    await turn();
    expect(await restsOf(20)).toBe(0);
  });
});
