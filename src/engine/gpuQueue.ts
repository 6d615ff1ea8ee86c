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

/** Work for one GPU, one piece after another. */
export interface GpuQueue {
  /**
   * Does a piece of work alone when its caller's turn comes.
   * @param bytes memory that it keeps alive while it waits.
   * @throws FacegraphError `EngineBusy`, `Cancelled`, as `FairQueue.add` does, and what `work` throws.
   */
  run<T>(work: () => Promise<T>, bytes?: number): Promise<T>;
  /** Does an item together with those of other callers that wait for the same batching. */
  join<I, O>(batching: Batching<I, O>, item: I): Promise<O>;
  /** Takes nothing new and waits until all is done that was taken. */
  close(): Promise<void>;
}

export interface GpuQueueOptions {
  readonly limits: QueueLimits;
  readonly observe?: QueueObserver;
  /** Hears the size of each run of a batching. */
  readonly batched?: (size: number) => void;
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

export function createGpuQueue({ limits, observe, batched }: GpuQueueOptions): GpuQueue {
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

  const add = <I, O>(batching: Batching<I, O>, item: I, bytes: number): Promise<O> =>
    new Promise((resolve, reject) => {
      if (closed) throw engineBusy('the engine is shutting down', 5);
      const caller = currentCaller();
      queue.add({ caller, bytes, batching, item, resolve: resolve as Waiting['resolve'], reject });
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
    if (batching.capacity > 1) batched?.(sizeOf(batch));
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
    run: <T>(task: () => Promise<T>, bytes = 0) => add(ALONE, task, bytes) as Promise<T>,
    join: (batching, item) => add(batching, item, batching.bytes(item)),
    async close() {
      closed = true;
      await working;
    },
  };
}

function sizeOf(batch: readonly Waiting[]): number {
  return batch.reduce((sum, { batching, item }) => sum + batching.size(item), 0);
}
