import { describe, expect, it, vi } from 'vitest';
import { type Caller, inNameOf } from '../src/engine/caller.ts';
import type { QueueLimits } from '../src/engine/fairQueue.ts';
import { type Batching, createGpuQueue } from '../src/engine/gpuQueue.ts';

const WIDE: QueueLimits = { entries: 1000, bytes: 1e9 };
const elapse = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function request(client: string, signal?: AbortSignal): Caller {
  return { client, priority: 'request', signal };
}

/** Runs of numbers that take a while, and which were run together. */
function adder(ms: number, capacity = 8) {
  const runs: number[][] = [];
  const batching: Batching<number, number> = {
    capacity,
    size: (n) => n,
    bytes: () => 1,
    async run(items) {
      runs.push([...items]);
      await elapse(ms);
      return items.map((n) => n * 10);
    },
  };
  return { batching, runs };
}

describe('GPU queue', () => {
  it('does one thing after another and tells each caller its own result', async () => {
    const queue = createGpuQueue({ limits: WIDE });
    let running = 0;
    const work = (n: number) => async () => {
      expect(++running).toBe(1);
      await elapse(2);
      running--;
      if (n === 2) throw new Error('two');
      return n;
    };
    const results = await Promise.allSettled([1, 2, 3].map((n) => queue.run(work(n))));
    expect(results.map((r) => (r.status === 'fulfilled' ? r.value : r.reason.message))).toEqual([
      1,
      'two',
      3,
    ]);
  });

  it('runs together what waits for the same, as far as it fits, whoever asked', async () => {
    const queue = createGpuQueue({ limits: WIDE });
    const { batching, runs } = adder(5);
    const busy = queue.run(() => elapse(10));
    const items = [3, 4, 2, 1, 9].map((n, i) =>
      inNameOf(request(`client ${i}`), () => queue.join(batching, n)),
    );
    expect(await Promise.all(items)).toEqual([30, 40, 20, 10, 90]);
    await busy;
    expect(runs).toEqual([[3, 4, 1], [2], [9]]);
  });

  it('waits a moment for whoever has just been served, and for nobody else', async () => {
    const queue = createGpuQueue({ limits: WIDE });
    const { batching, runs } = adder(1);
    const [a, b, idle] = ['a', 'b', 'idle'].map((client) => request(client));
    const [first, second] = [a, b].map((caller, i) =>
      inNameOf(caller, async () => {
        await queue.run(() => elapse(5));
        // As after an answer of the database, which no turn of promises alone would bring.
        await new Promise(setImmediate);
        return queue.join(batching, i + 1);
      }),
    );
    expect(await Promise.all([first, second])).toEqual([10, 20]);
    expect(runs.map((run) => run.sort())).toEqual([[1, 2]]);
    await elapse(10);
    const timer = vi.spyOn(globalThis, 'setTimeout');
    const prompt = { ...batching, run: async () => [1] };
    expect(await inNameOf(idle, () => queue.join(prompt, 1))).toBe(1);
    // Its own work does not make anybody wait for it either.
    await inNameOf(idle, () => queue.run(async () => 1));
    expect(await inNameOf(idle, () => queue.join(prompt, 1))).toBe(1);
    expect(timer).not.toHaveBeenCalled();
    timer.mockRestore();
  });

  it('fails all of a batch that fails, and goes on', async () => {
    const queue = createGpuQueue({ limits: WIDE });
    const { batching } = adder(1);
    const broken = { ...batching, run: () => Promise.reject(new Error('lost')) };
    const busy = queue.run(() => elapse(5));
    const failed = await Promise.allSettled([queue.join(broken, 1), queue.join(broken, 2)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await queue.join(batching, 1)).toBe(10);
    await busy;
  });

  it('does not begin what was cancelled', async () => {
    const queue = createGpuQueue({ limits: WIDE });
    const gone = new AbortController();
    const busy = queue.run(() => elapse(10));
    let begun = false;
    const work = inNameOf(request('a', gone.signal), () =>
      queue.run(async () => {
        begun = true;
      }),
    );
    gone.abort();
    await expect(work).rejects.toMatchObject({ code: 'Cancelled' });
    await busy;
    await queue.close();
    expect(begun).toBe(false);
  });

  it('ends what it took when it closes, and takes nothing more', async () => {
    const queue = createGpuQueue({ limits: WIDE });
    const done: number[] = [];
    const all = [1, 2, 3].map((n) =>
      queue.run(async () => {
        await elapse(3);
        done.push(n);
      }),
    );
    await queue.close();
    expect(done).toEqual([1, 2, 3]);
    await Promise.all(all);
    await expect(queue.run(async () => 1)).rejects.toMatchObject({ code: 'EngineBusy' });
  });

  it('goes on after it was idle', async () => {
    const queue = createGpuQueue({ limits: WIDE });
    for (let i = 0; i < 50; i++) expect(await queue.run(async () => i)).toBe(i);
  });
});
