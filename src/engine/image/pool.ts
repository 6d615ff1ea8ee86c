import { Worker } from 'node:worker_threads';

/** A request for a worker thread. */
export interface Job<Q> {
  readonly request: Q;
  readonly transfer: readonly ArrayBuffer[];
  /** Share of the pool's budget that this job holds while it runs. */
  readonly cost: number;
  /** Milliseconds of running, waiting not counted, after which the worker is killed. */
  readonly timeout: number;
}

/** The worker was killed by the job it ran, or by the clock. */
export class WorkerFailure extends Error {}

/** Worker threads that each answer one job at a time, in order of arrival. */
export interface Pool<Q, A> {
  /**
   * Runs one job.
   * @throws WorkerFailure when its worker crashes or its time is up; other jobs go on in a new worker.
   * @throws Error when the worker cannot start at all.
   */
  run(job: Job<Q>): Promise<A>;
  /** Waits for the jobs that were accepted, then ends the threads. */
  close(): Promise<void>;
}

interface Waiting<Q, A> extends Job<Q> {
  resolve(answer: A): void;
  reject(error: Error): void;
}

interface Thread<Q, A> {
  readonly worker: Worker;
  ready: boolean;
  job?: Waiting<Q, A>;
  timer?: NodeJS.Timeout;
}

// Twice what the largest picture that we accept keeps alive; V8's own limit can be all of the machine.
const HEAP_MB = 768;

/**
 * Starts threads lazily, and never keeps the process alive for an idle one.
 * @param script worker module: posts `'ready'` once, then one answer per message.
 * @param threads at most so many at a time.
 * @param budget the costs of running jobs add up to no more than this (a dearer job runs alone).
 */
export function createPool<Q, A>(script: URL, threads: number, budget: number): Pool<Q, A> {
  const queue: Waiting<Q, A>[] = [];
  const alive = new Set<Thread<Q, A>>();
  const accepted = new Set<Promise<A>>();

  function run(job: Job<Q>): Promise<A> {
    const answer = new Promise<A>((resolve, reject) => {
      queue.push({ ...job, resolve, reject });
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
    while (queue.length > 0) {
      const busy = [...alive].flatMap(({ job }) => job ?? []);
      const spent = busy.reduce((sum, { cost }) => sum + cost, 0);
      if (busy.length === threads || (busy.length > 0 && spent + queue[0].cost > budget)) return;
      const thread = [...alive].find(({ job }) => !job) ?? start();
      thread.job = queue.shift()!;
      thread.worker.ref();
      if (thread.ready) dispatch(thread, thread.job);
    }
  }

  function start(): Thread<Q, A> {
    // Without execArgv the flags of this process, its loaders among them, would run again in the thread.
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB };
    const worker = new Worker(script, { execArgv: [], resourceLimits });
    const thread: Thread<Q, A> = { worker, ready: false };
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
