import { AsyncLocalStorage } from 'node:async_hooks';

/** In whose name the engine works, as far as its queues need to know. */
export interface Caller {
  /** Who shares one turn: an API key, an address, a job. Undefined until it is known. */
  readonly client: string | undefined;
  /** A job can wait, and is never refused; somebody looks forward to the answer of a request. */
  readonly priority: 'request' | 'job';
  /** Aborted when nobody waits for the answer any more: what was not begun then never is. */
  readonly signal?: AbortSignal;
}

/** Work of the process itself, such as loading a model; there is little of it, so it is never refused. */
export const PROCESS: Caller = { client: 'process', priority: 'request' };

const storage = new AsyncLocalStorage<Caller>();

/** Does work, and whatever it begins, in the name of a caller. */
export function inNameOf<T>(caller: Caller, work: () => T): T {
  return storage.run(caller, work);
}

/** In whose name this is done. */
export function currentCaller(): Caller {
  return storage.getStore() ?? PROCESS;
}
