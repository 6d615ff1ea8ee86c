import { Worker } from 'node:worker_threads';
import { currentCaller } from '../caller.ts';
import { createFairQueue, type Entry, type QueueLimits, type QueueObserver } from '../fairQueue.ts';

/** A request for a worker thread. */
export interface Job<Q> {
  readonly request: Q;
  readonly transfer: readonly ArrayBuffer[];
  /** Share of the pool's budget that this job holds while it runs. */
  readonly cost: number;
  /** Milliseconds of running, waiting not counted, after which the worker is killed. */
  readonly timeout: number;
  /** Aborted when nobody waits for it any more; the caller's where absent. */
  readonly signal?: AbortSignal;
}

/** The worker was killed by the job it ran, or by the clock. */
export class WorkerFailure extends Error {}

/** Worker threads that each answer one job at a time, every caller having the same share of them. */
export interface Pool<Q, A> {
  /**
   * Runs one job when the turn of the current caller comes.
   * @throws FacegraphError `EngineBusy`, `Cancelled`, as `FairQueue.add` does.
   * @throws WorkerFailure when its worker crashes or its time is up; other jobs go on in a new worker.
   * @throws Error when the worker cannot start at all.
   */
  run(job: Job<Q>): Promise<A>;
  /** Waits for the jobs that were accepted, then ends the threads. */
  close(): Promise<void>;
}

interface Waiting<Q, A> extends Job<Q>, Entry {
  resolve(answer: A): void;
}

interface Thread<Q, A> {
  readonly worker: Worker;
  ready: boolean;
  job?: Waiting<Q, A>;
  /** When its job was begun. */
  since: number;
  timer?: NodeJS.Timeout;
}

export interface PoolOptions {
  /** At most so many threads at a time. */
  readonly threads: number;
  /** The costs of running jobs add up to no more than this (a dearer job runs alone). */
  readonly budget: number;
  /** Of what waits; `bytes` counts what is transferred to the workers. */
  readonly limits: QueueLimits;
  readonly observe?: QueueObserver;
}

// Twice what the largest picture that we accept keeps alive; V8's own limit can be all of the machine.
const HEAP_MB = 768;
// A quarter of V8's own: two threads that decode 640×480 take 77 MB less, for a picture in 15.8 ms, not 15.1. With half of
// that it is 22 ms.
const YOUNG_MB = 12;

/**
 * Starts threads lazily, and never keeps the process alive for an idle one.
 * @param script worker module: posts `'ready'` once, then one answer per message.
 */
export function createPool<Q, A>(script: URL, options: PoolOptions): Pool<Q, A> {
  const { threads, budget, limits, observe } = options;
  const queue = createFairQueue<Waiting<Q, A>>({ limits, observe, lanes: threads });
  const alive = new Set<Thread<Q, A>>();
  const accepted = new Set<Promise<A>>();

  function run(job: Job<Q>): Promise<A> {
    const answer = new Promise<A>((resolve, reject) => {
      const bytes = job.transfer.reduce((sum, { byteLength }) => sum + byteLength, 0);
      queue.add({ ...job, caller: currentCaller(), bytes, resolve, reject });
    });
    accepted.add(answer);
    const forget = () => accepted.delete(answer);
    answer.then(forget, forget);
    pump();
    return answer;
  }

  async function close(): Promise<void> {
    await Promise.allSettled(accepted);
    await Promise.all([...alive].map(({ worker }) => worker.terminate()));
  }

  function pump(): void {
    for (let next = queue.peek(); next; next = queue.peek()) {
      const busy = [...alive].flatMap(({ job }) => job ?? []);
      const spent = busy.reduce((sum, { cost }) => sum + cost, 0);
      if (busy.length === threads || (busy.length > 0 && spent + next.cost > budget)) return;
      const thread = [...alive].find(({ job }) => !job) ?? start();
      queue.take(next);
      thread.job = next;
      thread.since = performance.now();
      thread.worker.ref();
      if (thread.ready) dispatch(thread, thread.job);
    }
  }

  function start(): Thread<Q, A> {
    // Without execArgv the flags of this process, its loaders among them, would run again in the thread.
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB };
    const worker = new Worker(script, { execArgv: [], resourceLimits });
    const thread: Thread<Q, A> = { worker, ready: false, since: 0 };
    alive.add(thread);
    thread.worker.on('message', (message: 'ready' | A) => {
      if (message === 'ready') {
        thread.ready = true;
        if (thread.job) dispatch(thread, thread.job);
      } else {
        finish(thread)?.resolve(message as A);
        pump();
      }
    });
    thread.worker.on('error', (error) => {
      drop(thread, thread.ready ? new WorkerFailure(`crashed (${error.message})`) : error);
    });
    thread.worker.on('exit', (code) => {
      drop(thread, new WorkerFailure(`stopped with code ${code}`));
    });
    return thread;
  }

  function dispatch(thread: Thread<Q, A>, { request, transfer, timeout }: Job<Q>): void {
    thread.worker.postMessage(request, transfer);
    thread.timer = setTimeout(() => {
      drop(thread, new WorkerFailure(`took longer than ${(timeout / 1000).toFixed(1)} s`));
      thread.worker.terminate();
    }, timeout);
  }

  function finish(thread: Thread<Q, A>): Waiting<Q, A> | undefined {
    const { job } = thread;
    clearTimeout(thread.timer);
    if (job) queue.charge(job.caller, performance.now() - thread.since);
    thread.job = undefined;
    thread.worker.unref();
    return job;
  }

  function drop(thread: Thread<Q, A>, error: Error): void {
    alive.delete(thread);
    finish(thread)?.reject(error);
    pump();
  }

  return { run, close };
}
