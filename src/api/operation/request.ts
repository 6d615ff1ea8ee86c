import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Caller, inNameOf } from '../../engine/caller.ts';
import type { Limits } from './limits.ts';

/** What of a request takes long enough to be measured. */
export const STAGES = ['decode', 'detect', 'embed', 'search'] as const;

export type Stage = (typeof STAGES)[number];

/** Time spent in a stage, over all calls, waiting for the GPU or a decoder included. */
export interface StageTime {
  ms: number;
  /** Images decoded, images searched for faces, faces embedded, probes searched for. */
  count: number;
}

/** Hears of each call of a stage. */
export type ObserveStage = (stage: Stage, ms: number) => void;

/** What is known of an HTTP request while it is served. Nothing of it is about a person. */
export interface RequestRecord extends Caller {
  /** Of `x-request-id` where that is sane, else made; the response carries it. */
  readonly id: string;
  /** `performance.now()`. */
  readonly started: number;
  readonly limits: Limits;
  readonly observe: ObserveStage;
  readonly stages: Record<Stage, StageTime>;
  /** Codes of failures, members of unions and errors alike. */
  readonly failures: string[];
  /** Seconds after which to try again, as the failures say; 0 when none does. */
  retryAfter: number;
  /** As the client calls it, with its kind and root fields, or route; undefined until it is valid. */
  operation?: { readonly name?: string; readonly kind: string; readonly fields: readonly string[] };
  /** The row of the key, not its secret. */
  keyId?: string;
  /** Whose share and turn is used: the key's, else the address's; undefined until it is known. */
  client: string | undefined;
  /** Takes cost off the client's share. @returns 0, or the seconds after which to try again. */
  readonly spend: (cost: number) => number;
  images: number;
  /** Of the images' files. */
  bytes: number;
  pixels: number;
  /** Give back what the request still holds when it is answered. */
  readonly held: (() => void)[];
}

const SANE_ID = /^[\w.:/+=-]{1,128}$/;
const storage = new AsyncLocalStorage<RequestRecord>();

/** The record of a request that begins now. */
export function newRequest(
  { headers, signal }: Request,
  {
    limits,
    observe,
    spend,
  }: Pick<RequestRecord, 'limits' | 'observe'> & {
    readonly spend: (client: string, cost: number) => number;
  },
): RequestRecord {
  const given = headers.get('x-request-id');
  const stage = (): StageTime => ({ ms: 0, count: 0 });
  const record: RequestRecord = {
    id: given && SANE_ID.test(given) ? given : randomUUID(),
    started: performance.now(),
    limits,
    observe,
    stages: { decode: stage(), detect: stage(), embed: stage(), search: stage() },
    failures: [],
    retryAfter: 0,
    client: undefined,
    priority: 'request',
    signal,
    spend: (cost) => (record.client === undefined ? 0 : spend(record.client, cost)),
    images: 0,
    bytes: 0,
    pixels: 0,
    held: [],
  };
  return record;
}

/**
 * Says whose request it is. Behind a proxy those without a key share its address, and so one share of
 * the rate; nobody else suffers from that.
 */
export function identifyClient(
  request: RequestRecord,
  key: { readonly id: string } | null,
  connection: IncomingMessage | undefined,
): void {
  request.keyId = key?.id;
  request.client = key?.id ?? `address ${connection?.socket.remoteAddress}`;
}

/**
 * Answers a request: does work, and whatever it begins, in its name. What lives on after the answer keeps
 * the record (Prisma its last 100 transactions), so the record may keep nothing of a photograph.
 */
export async function serving<T>(request: RequestRecord, answer: () => Promise<T> | T): Promise<T> {
  try {
    return await storage.run(request, () => inNameOf(request, answer));
  } finally {
    for (const giveBack of request.held.splice(0)) giveBack();
  }
}

/** The request in whose name this is done; undefined for what the server does by itself. */
export function currentRequest(): RequestRecord | undefined {
  return storage.getStore();
}

/** Does one call of a stage and books its time, when it fails too. */
export async function measure<T>(
  stage: Stage,
  count: number,
  observe: ObserveStage,
  work: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  try {
    return await work();
  } finally {
    const ms = performance.now() - started;
    observe(stage, ms);
    const total = currentRequest()?.stages[stage];
    if (total) {
      total.ms += ms;
      total.count += count;
    }
  }
}
