import { engineBusy, FacegraphError } from '../errors.ts';
import { type Caller, PROCESS } from './caller.ts';

/** Something that waits for its turn. */
export interface Entry {
  readonly caller: Caller;
  /** Memory that it keeps alive while it waits. */
  readonly bytes: number;
  /** Aborted when nobody waits for it any more; its caller's where absent. */
  readonly signal?: AbortSignal;
  /** Ends its waiting without a turn. */
  reject(error: Error): void;
}

/** How much may wait. */
export interface QueueLimits {
  readonly entries: number;
  readonly bytes: number;
}

/** 256 entries and half a gigabyte: four pictures of 40 megapixels, decoded. */
export const DEFAULT_QUEUE: QueueLimits = { entries: 256, bytes: 512_000_000 };

/** Hears what becomes of the entries of a queue. */
export interface QueueObserver {
  /** So many wait now. */
  length(entries: number): void;
  /** One has waited so long for its turn. */
  waited(ms: number): void;
}

export interface FairQueueOptions {
  readonly limits: QueueLimits;
  readonly observe?: QueueObserver;
  /** Entries that are worked on at once. */
  readonly lanes?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** A bounded queue that gives every client the same share of the time, whatever each asks for. */
export interface FairQueue<E extends Entry> {
  readonly size: number;
  /** Every waiting entry, in order of arrival. */
  entries(): E[];
  /**
   * Keeps a place for an entry that is still to be prepared. A place counts as if the entry waited, and
   * is refused and rejected like one, but not where its caller has another: what is prepared for that
   * would be in vain. Where a client must give something up, its places go first.
   * @throws FacegraphError `EngineBusy`, `Cancelled`, as `add` does.
   */
  hold(place: Entry): void;
  /** Gives a place back. @returns false when it was used, lost or given back before. */
  release(place: Entry): boolean;
  /**
   * Lets an entry wait, until its turn comes or its signal is aborted: then it is rejected with
   * `Cancelled`.
   * @param place one that is kept for it, which is used up; the entry is then taken for certain.
   * @throws FacegraphError `EngineBusy` with `retryAfter` when the queue is full. Where another client
   *   has more waiting, that one's newest entry is rejected so instead. What jobs, the process, and
   *   callers who had a turn before ask for is always taken: there is little of it, and of the last
   *   the work done so far would be lost.
   */
  add(entry: E, place?: Entry): void;
  /** Whose turn it is, still waiting. */
  peek(): E | undefined;
  /** Begins an entry: it waits no more. */
  take(entry: E): void;
  /** Books time that a turn of the caller took. */
  charge(caller: Caller, ms: number): void;
}

interface Client<E> {
  /** Booked time; a client that comes to wait starts no lower than those who are served. */
  spent: number;
  readonly waiting: Waiting<E>[];
  readonly places: Entry[];
}

interface Waiting<E> {
  readonly entry: E;
  readonly since: number;
  readonly leave: () => void;
}

/** After so long a job's entry goes before requests: a busy server must not stop jobs altogether. */
const JOB_PATIENCE_MS = 10_000;
/** Weight of the last turn in the estimate of what one takes. */
const NEWS = 0.1;

/**
 * Start-time fair queueing: next is the oldest entry of the client who was booked the least time
 * (Goyal, Vin, Chen 1996). Requests go before jobs.
 */
export function createFairQueue<E extends Entry>(options: FairQueueOptions): FairQueue<E> {
  const { limits, observe, lanes = 1, now = () => performance.now() } = options;
  const groups = { request: new Map<string, Client<E>>(), job: new Map<string, Client<E>>() };
  /** What the client who was served last had been booked then. */
  const clocks = { request: 0, job: 0 };
  const all = new Map<E, Waiting<E>>();
  /** Each with what gives it back when nobody waits any more. */
  const places = new Map<Entry, () => void>();
  const begun = new WeakSet<Caller>();
  let bytes = 0;
  let pace = 0;

  const clientOf = ({ priority, client = 'unknown' }: Caller): Client<E> => {
    let found = groups[priority].get(client);
    if (!found) {
      found = { spent: clocks[priority], waiting: [], places: [] };
      groups[priority].set(client, found);
    }
    return found;
  };

  const remove = (entry: E): Waiting<E> | undefined => {
    const waiting = all.get(entry);
    if (!waiting) return undefined;
    all.delete(entry);
    bytes -= entry.bytes;
    const { waiting: own } = clientOf(entry.caller);
    own.splice(own.indexOf(waiting), 1);
    signalOf(entry)?.removeEventListener('abort', waiting.leave);
    observe?.length(all.size);
    return waiting;
  };

  const release = (place: Entry): boolean => {
    const leave = places.get(place);
    if (!leave) return false;
    places.delete(place);
    bytes -= place.bytes;
    const { places: own } = clientOf(place.caller);
    own.splice(own.indexOf(place), 1);
    signalOf(place)?.removeEventListener('abort', leave);
    return true;
  };

  const refusable = ({ caller }: Entry) =>
    caller.priority === 'request' && caller !== PROCESS && !begun.has(caller);
  const taken = () => all.size + places.size;
  const full = (more: number) =>
    taken() >= limits.entries || (taken() > 0 && bytes + more > limits.bytes);
  const busy = () => {
    const seconds = Math.max(1, Math.ceil((taken() * pace) / lanes / 1000));
    return engineBusy(`too much work is waiting: try again in ${seconds} s`, seconds);
  };

  /**
   * Rejects the newest of whoever has most waiting, so that `client` gets its place: what is not yet
   * prepared before what is, since that would be prepared in vain.
   */
  const makeRoom = (client: Client<E>): boolean => {
    const [longest] = [...groups.request.values()].sort((a, b) => has(b) - has(a));
    if (!longest || has(longest) <= has(client) + 1) return false;
    const place = longest.places.findLast(refusable);
    const entry = longest.waiting.findLast((waiting) => refusable(waiting.entry))?.entry;
    const victim = place ?? entry;
    if (!victim) return false;
    const error = busy();
    if (!release(victim)) remove(entry!);
    victim.reject(error);
    return true;
  };

  /** Sees to it that something may come to wait. */
  const admit = (entry: Entry): void => {
    if (signalOf(entry)?.aborted) throw cancelled();
    if (!refusable(entry)) return;
    const client = clientOf(entry.caller);
    while (full(entry.bytes)) if (!makeRoom(client)) throw busy();
  };

  const least = (priority: Caller['priority']): E | undefined => {
    let best: Client<E> | undefined;
    for (const client of groups[priority].values()) {
      if (client.waiting.length === 0) continue;
      const older = () => client.waiting[0].since < best!.waiting[0].since;
      if (!best || client.spent < best.spent || (client.spent === best.spent && older()))
        best = client;
    }
    return best?.waiting[0].entry;
  };

  const overdue = (): E | undefined => {
    const [oldest] = [...groups.job.values()]
      .flatMap(({ waiting }) => waiting.slice(0, 1))
      .sort((a, b) => a.since - b.since);
    return oldest && now() - oldest.since >= JOB_PATIENCE_MS ? oldest.entry : undefined;
  };

  return {
    get size() {
      return all.size;
    },
    entries: () => [...all.keys()],
    hold(place) {
      const { caller } = place;
      if (signalOf(place)?.aborted) throw cancelled();
      if (!clientOf(caller).places.some((other) => other.caller === caller)) admit(place);
      const leave = () => {
        release(place);
        place.reject(cancelled());
      };
      places.set(place, leave);
      clientOf(caller).places.push(place);
      bytes += place.bytes;
      signalOf(place)?.addEventListener('abort', leave, { once: true });
    },
    release,
    add(entry, place) {
      const { caller } = entry;
      if (!place || !release(place)) admit(entry);
      const client = clientOf(caller);
      if (client.waiting.length === 0)
        client.spent = Math.max(client.spent, clocks[caller.priority]);
      const leave = () => {
        remove(entry);
        entry.reject(cancelled());
      };
      const waiting = { entry, since: now(), leave };
      client.waiting.push(waiting);
      all.set(entry, waiting);
      bytes += entry.bytes;
      signalOf(entry)?.addEventListener('abort', leave, { once: true });
      observe?.length(all.size);
    },
    peek: () => overdue() ?? least('request') ?? least('job'),
    take(entry) {
      const { caller } = entry;
      const waiting = remove(entry);
      if (!waiting) throw new Error('queue: an entry is taken that does not wait');
      observe?.waited(now() - waiting.since);
      begun.add(caller);
      const { priority } = caller;
      clocks[priority] = Math.max(clocks[priority], clientOf(caller).spent);
      // Who waits for nothing and is owed nothing need not be remembered.
      for (const [name, other] of groups[priority])
        if (has(other) === 0 && other.spent <= clocks[priority]) groups[priority].delete(name);
    },
    charge(caller, ms) {
      clientOf(caller).spent += ms;
      pace = pace === 0 ? ms : (1 - NEWS) * pace + NEWS * ms;
    },
  };
}

/** What of a client counts: the entries that wait, and those that have a place. */
function has({ waiting, places }: Client<unknown>): number {
  return waiting.length + places.length;
}

function signalOf({ signal, caller }: Entry): AbortSignal | undefined {
  return signal ?? caller.signal;
}

function cancelled(): FacegraphError {
  return new FacegraphError('Cancelled', 'nobody waits for the answer any more');
}
