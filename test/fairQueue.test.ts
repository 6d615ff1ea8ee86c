import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Caller, PROCESS } from '../src/engine/caller.ts';
import { createFairQueue, type Entry, type QueueLimits } from '../src/engine/fairQueue.ts';

const WIDE: QueueLimits = { entries: 1000, bytes: 1e9 };

function request(client: string, signal?: AbortSignal): Caller {
  return { client, priority: 'request', signal };
}

interface Named extends Entry {
  readonly name: string;
}

/** A queue on a clock of the test's own, and what became of its entries. */
function fair(limits: QueueLimits = WIDE) {
  let time = 0;
  const rejected: string[] = [];
  const waits: number[] = [];
  const lengths: number[] = [];
  const observe = {
    length: (n: number) => void lengths.push(n),
    waited: (ms: number) => void waits.push(ms),
  };
  const rejecting = (name: string) => (error: Error & { code?: string }) =>
    void rejected.push(`${name} ${error.code}`);
  const queue = createFairQueue<Named>({ limits, observe, now: () => time });
  return {
    queue,
    rejected,
    waits,
    lengths,
    pass: (ms: number) => {
      time += ms;
    },
    add(caller: Caller, name: string, bytes = 1, place?: Entry) {
      queue.add({ caller, name, bytes, reject: rejecting(name) }, place);
    },
    hold(caller: Caller, name: string, bytes = 1): Entry {
      const place = { caller, bytes, reject: rejecting(name) };
      queue.hold(place);
      return place;
    },
    /** Serves whoever is next; it takes `ms`. */
    serve(ms = 10): string | undefined {
      const entry = queue.peek();
      if (!entry) return undefined;
      queue.take(entry);
      time += ms;
      queue.charge(entry.caller, ms);
      return entry.name;
    },
  };
}

describe('fair queue', () => {
  it('lets a client with one request pass one with a hundred', () => {
    const { add, serve } = fair();
    for (let i = 0; i < 100; i++) add(request('greedy'), `greedy ${i}`);
    expect([serve(), serve()]).toEqual(['greedy 0', 'greedy 1']);
    add(request('modest'), 'modest');
    expect([serve(), serve()]).toContain('modest');
  });

  it('shares time, not turns: whose work takes longer has fewer', () => {
    const { queue, add, serve } = fair();
    for (let i = 0; i < 100; i++) {
      add(request('large'), 'large');
      add(request('small'), 'small');
    }
    const turns = { large: 0, small: 0 };
    for (let i = 0; i < 40; i++) {
      const next = queue.peek()!.name as keyof typeof turns;
      turns[next]++;
      serve(next === 'large' ? 30 : 10);
    }
    expect(turns).toEqual({ large: 10, small: 30 });
  });

  it('gives nobody credit for having been away', () => {
    const { add, serve } = fair();
    add(request('b'), 'b');
    serve(10);
    for (let i = 0; i < 50; i++) add(request('a'), 'a');
    for (let i = 0; i < 40; i++) serve(100);
    for (let i = 0; i < 10; i++) add(request('b'), 'b');
    const next = Array.from({ length: 8 }, () => serve(100)).sort();
    expect(next).toEqual(['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b']);
  });

  it('never lets two backlogged clients differ by more than the two longest turns', () => {
    const turn = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 10, maxLength: 80 }), (turns) => {
        const { add, serve, queue } = fair();
        const spent = new Map([
          ['a', 0],
          ['b', 0],
          ['c', 0],
        ]);
        for (const client of spent.keys()) for (const _ of turns) add(request(client), client);
        for (const ms of turns) {
          const client = queue.peek()!.name;
          spent.set(client, spent.get(client)! + ms);
          serve(ms);
          const all = [...spent.values()];
          expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(2 * Math.max(...turns));
        }
      }),
    );
  });

  it('serves jobs when no request waits, and when they have waited ten seconds', () => {
    const { add, serve, pass } = fair();
    const job: Caller = { client: 'job 1', priority: 'job' };
    add(job, 'job');
    add(request('a'), 'a1');
    add(request('a'), 'a2');
    expect([serve(), serve(), serve()]).toEqual(['a1', 'a2', 'job']);
    add(job, 'late job');
    add(request('a'), 'a3');
    pass(10_000);
    expect([serve(), serve()]).toEqual(['late job', 'a3']);
  });

  it('refuses what is too much, with the time that it will take', () => {
    const { queue, add, serve } = fair({ entries: 10, bytes: 1e9 });
    add(request('a'), 'first');
    serve(900);
    for (let i = 0; i < 10; i++) add(request('a'), 'a');
    const refused = expect(() => add(request('a'), 'more'));
    refused.toThrow(expect.objectContaining({ code: 'EngineBusy', details: { retryAfter: 9 } }));
    expect(queue.size).toBe(10);
  });

  it('bounds the memory of what waits, but takes one thing of any size', () => {
    const { add, serve } = fair({ entries: 10, bytes: 100 });
    add(request('a'), 'huge', 500);
    expect(() => add(request('a'), 'more', 1)).toThrow('too much work');
    serve();
    add(request('a'), 'half', 50);
    add(request('a'), 'other half', 50);
    expect(() => add(request('a'), 'more', 1)).toThrow('too much work');
  });

  it('takes a place from whoever has most waiting for a client who has less', () => {
    const { queue, add, rejected } = fair({ entries: 4, bytes: 1e9 });
    for (let i = 0; i < 4; i++) add(request('greedy'), `greedy ${i}`);
    add(request('modest'), 'modest 0');
    expect(rejected).toEqual(['greedy 3 EngineBusy']);
    add(request('modest'), 'modest 1');
    expect(rejected).toEqual(['greedy 3 EngineBusy', 'greedy 2 EngineBusy']);
    expect(() => add(request('modest'), 'modest 2')).toThrow('too much work');
    expect(() => add(request('greedy'), 'greedy 4')).toThrow('too much work');
    expect(queue.size).toBe(4);
  });

  it('never refuses what was begun, a job, or the process', () => {
    const { queue, add, serve, rejected } = fair({ entries: 2, bytes: 1e9 });
    const begun = request('a');
    add(begun, 'detect');
    serve();
    add(request('b'), 'b');
    add(request('c'), 'c');
    add(begun, 'embed');
    add({ client: 'job 1', priority: 'job' }, 'job');
    add(PROCESS, 'load');
    expect(() => add(request('d'), 'd')).toThrow('too much work');
    expect([queue.size, rejected]).toEqual([5, []]);
  });

  it('forgets what nobody waits for any more', () => {
    const gone = new AbortController();
    const { queue, add, serve, rejected } = fair();
    add(request('a', gone.signal), 'a');
    add(request('b'), 'b');
    gone.abort();
    expect([queue.size, rejected]).toEqual([1, ['a Cancelled']]);
    expect(() => add(request('a', gone.signal), 'again')).toThrow('nobody waits');
    expect([serve(), serve()]).toEqual(['b', undefined]);
  });

  it('keeps places for what is still to come, and lets it in when all is full', () => {
    const { queue, add, hold, serve, lengths } = fair({ entries: 3, bytes: 100 });
    const places = ['a', 'b', 'c'].map((client) => hold(request(client), client));
    expect(() => add(request('d'), 'd')).toThrow('too much work');
    expect(() => hold(request('d'), 'd')).toThrow('too much work');
    // Nobody has a turn for a place.
    expect([queue.size, queue.entries(), serve(), lengths]).toEqual([0, [], undefined, []]);
    add(request('b'), 'b ready', 1, places[1]);
    expect(() => hold(request('d'), 'd')).toThrow('too much work');
    expect([serve(), serve()]).toEqual(['b ready', undefined]);
    hold(request('d'), 'd');
    expect(() => hold(request('e'), 'e')).toThrow('too much work');
  });

  it('counts the memory of what has a place', () => {
    const { add, hold, queue } = fair({ entries: 10, bytes: 100 });
    const place = hold(request('a'), 'half', 50);
    expect(() => hold(request('b'), 'more', 51)).toThrow('too much work');
    add(request('a'), 'smaller than thought', 40, place);
    const other = hold(request('b'), 'b', 60);
    expect(() => add(request('c'), 'c', 1)).toThrow('too much work');
    expect([queue.release(other), queue.release(other), queue.release(place)]).toEqual([
      true,
      false,
      false,
    ]);
    hold(request('c'), 'c', 60);
  });

  it('takes away a place before what waits already, from whoever has most of both', () => {
    const { queue, add, hold, rejected } = fair({ entries: 4, bytes: 1e9 });
    add(request('greedy'), 'waits');
    const places = [1, 2, 3].map((n) => hold(request('greedy'), `place ${n}`));
    hold(request('modest'), 'modest 0');
    add(request('modest'), 'modest 1');
    expect(rejected).toEqual(['place 3 EngineBusy', 'place 2 EngineBusy']);
    expect(() => hold(request('modest'), 'modest 2')).toThrow('too much work');
    // What lost its place is taken like anything else.
    expect(() => add(request('greedy'), 'late', 1, places[2])).toThrow('too much work');
    expect(queue.size).toBe(2);
  });

  it('never takes a place from a caller who has been served, nor from a job', () => {
    const { add, hold, serve, rejected } = fair({ entries: 2, bytes: 1e9 });
    const begun = request('a');
    add(begun, 'first');
    serve();
    for (const n of [1, 2, 3]) hold(begun, `place ${n}`);
    hold({ client: 'job 1', priority: 'job' }, 'job');
    expect(() => hold(request('b'), 'b')).toThrow('too much work');
    expect(rejected).toEqual([]);
  });

  it('admits a caller once, not each of its places', () => {
    const { hold, queue } = fair({ entries: 1, bytes: 10 });
    const both = request('a');
    const places = [hold(both, 'first', 8), hold(both, 'second', 8)];
    expect(() => hold(request('a'), 'another of a')).toThrow('too much work');
    for (const place of places) queue.release(place);
    hold(request('b'), 'b', 8);
  });

  it('gives back the places of whoever has gone', () => {
    const gone = new AbortController();
    const { add, hold, queue, rejected } = fair({ entries: 1, bytes: 1e9 });
    const place = hold(request('a', gone.signal), 'a');
    gone.abort();
    expect([rejected, queue.release(place)]).toEqual([['a Cancelled'], false]);
    expect(() => hold(request('a', gone.signal), 'again')).toThrow('nobody waits');
    add(request('b'), 'b');
  });

  it('gives a client no credit for the time in which it had a place only', () => {
    const { add, hold, serve } = fair();
    const places = [0, 1, 2, 3].map((n) => hold(request('slow'), `${n}`));
    for (let i = 0; i < 50; i++) add(request('a'), 'a');
    for (let i = 0; i < 40; i++) serve(100);
    for (const place of places) add(request('slow'), 'slow', 1, place);
    const next = Array.from({ length: 4 }, () => serve(100)).sort();
    expect(next).toEqual(['a', 'a', 'slow', 'slow']);
  });

  it('has all of its room again when all is done, whatever came', () => {
    const what = fc.record({
      kind: fc.constantFrom('hold', 'add', 'use', 'release', 'serve', 'leave'),
      client: fc.constantFrom('a', 'b', 'c'),
      bytes: fc.integer({ min: 1, max: 40 }),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(what, { maxLength: 60 }), (steps) => {
        const { queue, add, hold, serve, rejected } = fair({ entries: 5, bytes: 100 });
        const held: { place: Entry; gone: AbortController }[] = [];
        const quietly = (work: () => void) => {
          try {
            work();
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching('EngineBusy|Cancelled') });
          }
        };
        for (const { kind, client, bytes, which } of steps) {
          const ends = ['use', 'release', 'leave'].includes(kind);
          const [chosen] = ends ? held.splice(which % Math.max(1, held.length), 1) : [];
          if (kind === 'hold')
            quietly(() => {
              const gone = new AbortController();
              held.push({ gone, place: hold(request(client, gone.signal), 'place', bytes) });
            });
          else if (kind === 'add') quietly(() => add(request(client), 'entry', bytes));
          else if (kind === 'serve') serve();
          else if (kind === 'leave') chosen?.gone.abort();
          else if (kind === 'release') chosen && queue.release(chosen.place);
          else if (chosen) quietly(() => add(chosen.place.caller, 'used', bytes, chosen.place));
        }
        for (const { place } of held) queue.release(place);
        while (serve());
        rejected.length = 0;
        // As if it were new: so much fits, and no more.
        for (let i = 0; i < 4; i++) hold(request('fresh'), 'fresh', 25);
        expect(() => hold(request('fresh'), 'fresh', 1)).toThrow('too much work');
        expect(rejected).toEqual([]);
      }),
    );
  });

  it('tells how many wait and how long they did', () => {
    const { add, serve, lengths, waits } = fair();
    add(request('a'), 'a');
    add(request('b'), 'b');
    serve(7);
    serve(7);
    expect(lengths).toEqual([1, 2, 1, 0]);
    expect(waits).toEqual([0, 7]);
  });
});
