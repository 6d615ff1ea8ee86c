import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inLanes } from '../src/faces/jobs/lanes.ts';

const counted = (count: number) => {
  let i = 0;
  return async () => (i < count ? i++ : undefined);
};

describe('lanes', () => {
  it('prepare some things at once and write them in their order', async () => {
    const written: number[] = [];
    let begun = 0;
    let most = 0;
    await inLanes(
      3,
      counted(12),
      async (i, turn) => {
        most = Math.max(most, ++begun - written.length);
        // Every fourth takes long, so that those behind it are ready first.
        await sleep(i % 4 === 0 ? 20 : 1);
        await turn;
        written.push(i);
      },
      new AbortController().signal,
    );
    expect(written).toEqual([...Array(12).keys()]);
    expect(most).toBe(3);
  });

  it('write nothing after what failed, and begin nothing after a signal', async () => {
    const written: number[] = [];
    const failing = inLanes(
      3,
      counted(12),
      async (i, turn) => {
        await sleep(i === 4 ? 20 : 1);
        await turn;
        if (i === 4) throw new Error('the fifth');
        written.push(i);
      },
      new AbortController().signal,
    );
    await expect(failing).rejects.toThrow('the fifth');
    expect(written).toEqual([0, 1, 2, 3]);

    const stopping = new AbortController();
    const done: number[] = [];
    await inLanes(
      2,
      counted(12),
      async (i) => {
        if (i === 3) stopping.abort();
        await sleep(1);
        done.push(i);
      },
      stopping.signal,
    );
    expect(done).toContain(3);
    expect(done.length).toBeLessThan(6);
  });
});
