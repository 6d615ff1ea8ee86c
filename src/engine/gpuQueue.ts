import { AsyncResource } from 'node:async_hooks';
import { engineBusy } from '../errors.ts';
import { type Caller, currentCaller } from './caller.ts';
import { createFairQueue, type Entry, type QueueLimits, type QueueObserver } from './fairQueue.ts';

/** Work of several callers that can be done in one. */
export interface Batching<I, O> {
  /** What one run takes: entries join while their sizes add up to no more. */
  readonly capacity: number;
  size(item: I): number;
  /** Memory that an item keeps alive while it waits. */
  bytes(item: I): number;
  /** Results in the order of the items. When it fails, all of them fail. */
  run(items: readonly I[]): Promise<readonly O[]>;
}

/** A place in the queue for work that is still to be prepared. */
export type Place = Pick<Entry, 'caller' | 'bytes' | 'reject'>;

/** Work for one GPU, one piece after another. */
export interface GpuQueue {
  /**
   * Keeps a place for work that the current caller will ask for.
   * @param bytes memory that the work will keep alive while it waits.
   * @param lost hears that the place is gone, before it was used, and why: `EngineBusy`, `Cancelled`.
   * @throws FacegraphError `EngineBusy`, `Cancelled`, as `FairQueue.hold` does.
   */
  hold(bytes: number, lost: (error: Error) => void): Place;
  /** Gives a place back that was not used; else nothing happens. */
  release(place: Place): void;
  /**
   * Does a piece of work alone when its caller's turn comes.
   * @param bytes memory that it keeps alive while it waits.
   * @param place one that is kept for it.
   * @throws FacegraphError `EngineBusy`, `Cancelled`, as `FairQueue.add` does, and what `work` throws.
   */
  run<T>(work: () => Promise<T>, bytes?: number, place?: Place): Promise<T>;
  /** Does an item together with those of other callers that wait for the same batching. */
  join<I, O>(batching: Batching<I, O>, item: I, place?: Place): Promise<O>;
  /** Takes nothing new and waits until all is done that was taken. */
  close(): Promise<void>;
}

export interface GpuQueueOptions {
  readonly limits: QueueLimits;
  readonly observe?: QueueObserver;
}

interface Waiting extends Entry {
  // biome-ignore lint/suspicious/noExplicitAny: an item and its batching fit, see `join`
  readonly batching: Batching<any, any>;
  readonly item: unknown;
  resolve(result: unknown): void;
}

/**
 * How long a batch that has room waits for the callers who have just been served something else:
 * those who detected faces mostly come back with them at once. When nobody was, it waits for nothing.
 */
const WINDOW_MS = 2;

const ALONE: Batching<() => Promise<unknown>, unknown> = {
  capacity: 1,
  size: () => 1,
  bytes: () => 0,
  run: async ([work]) => [await work()],
};

export function createGpuQueue({ limits, observe }: GpuQueueOptions): GpuQueue {
  const queue = createFairQueue<Waiting>({ limits, observe });
  // The loop outlives the request that starts it, so it must not run in its name.
  const nobody = new AsyncResource('GpuQueue');
  let closed = false;
  let working: Promise<void> | undefined;
  let served: { readonly by: Waiting['batching']; readonly callers: Set<Caller>; at: number } = {
    by: ALONE,
    callers: new Set(),
    at: Number.NEGATIVE_INFINITY,
  };
  let arrived: (() => void) | undefined;

  const whileOpen = () => {
    if (closed) throw engineBusy('the engine is shutting down', 5);
  };

  const add = <I, O>(
    batching: Batching<I, O>,
    item: I,
    bytes: number,
    place: Place | undefined,
  ): Promise<O> =>
    new Promise((done, reject) => {
      whileOpen();
      const resolve = done as Waiting['resolve'];
      queue.add({ caller: currentCaller(), bytes, batching, item, resolve, reject }, place);
      arrived?.();
      working ??= nobody.runInAsyncScope(work);
    });

  const gather = (first: Waiting): Waiting[] => {
    const { batching } = first;
    const batch = [first];
    let room = batching.capacity - batching.size(first.item);
    for (const entry of queue.entries()) {
      if (entry === first || entry.batching !== batching) continue;
      const size = batching.size(entry.item);
      if (size > room) continue;
      batch.push(entry);
      room -= size;
    }
    return batch;
  };

  const work = async () => {
    // Whoever comes in the same turn of the event loop is part of the first choice.
    await Promise.resolve();
    for (let next = queue.peek(); next; next = queue.peek()) {
      const batch = gather(next);
      if (isAwaited(batch)) {
        await aMoment();
        continue;
      }
      await perform(batch);
    }
    working = undefined;
  };

  const isAwaited = (batch: readonly Waiting[]): boolean => {
    const [{ batching }] = batch;
    if (served.by === batching || performance.now() - served.at >= WINDOW_MS) return false;
    if (sizeOf(batch) >= batching.capacity) return false;
    for (const { caller } of queue.entries()) served.callers.delete(caller);
    return served.callers.size > 0;
  };

  const aMoment = () =>
    new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer);
        arrived = undefined;
        resolve();
      };
      const timer = setTimeout(go, served.at + WINDOW_MS - performance.now());
      arrived = go;
    });

  const perform = async (batch: readonly Waiting[]) => {
    const [{ batching }] = batch;
    for (const entry of batch) queue.take(entry);
    const from = performance.now();
    try {
      const results = await batching.run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => {
        resolve(results[i]);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error as Error);
    }
    const at = performance.now();
    for (const { caller, item } of batch)
      queue.charge(caller, ((at - from) * batching.size(item)) / sizeOf(batch));
    served = { by: batching, callers: new Set(batch.map(({ caller }) => caller)), at };
  };

  return {
    hold(bytes, lost) {
      whileOpen();
      const place = { caller: currentCaller(), bytes, reject: lost };
      queue.hold(place);
      return place;
    },
    release: (place) => void queue.release(place),
    run: <T>(task: () => Promise<T>, bytes = 0, place?: Place) =>
      add(ALONE, task, bytes, place) as Promise<T>,
    join: (batching, item, place) => add(batching, item, batching.bytes(item), place),
    async close() {
      closed = true;
      await working;
    },
  };
}

function sizeOf(batch: readonly Waiting[]): number {
  return batch.reduce((sum, { batching, item }) => sum + batching.size(item), 0);
}
