import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Limits } from '../../src/api/operation/limits.ts';
import { createLog } from '../../src/api/operation/log.ts';
import { measuredEngine } from '../../src/api/operation/measuredEngine.ts';
import { createMetrics } from '../../src/api/operation/metrics.ts';
import { createServer } from '../../src/api/server.ts';
import { limitsOf, readConfig } from '../../src/config.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { type Database, openDatabase } from '../../src/faces/database/database.ts';
import { createIndexes, type Indexes } from '../../src/faces/gallery/indexes.ts';
import type { Jobs } from '../../src/faces/jobs/work.ts';
import { type JobOptions, startJobs } from '../../src/faces/jobs/worker.ts';
import { createKey, type Scope } from '../../src/faces/keys.ts';
import { createSearchLog, type SearchLog } from '../../src/faces/search/searchLog.ts';

/** A running API without a socket. */
export interface Api {
  readonly database: Database;
  readonly indexes: Indexes;
  readonly jobs: Jobs;
  /** What the jobs complained of. */
  readonly complaints: unknown[];
  readonly searchLog: SearchLog;
  /** A key with scope `admin`. */
  readonly admin: string;
  key(...scopes: Scope[]): Promise<string>;
  /** Sends any request as it is. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Runs an operation as JSON, or as a multipart upload when files are given by variable path. */
  run(query: string, options?: Operation): Promise<Answer>;
  close(): Promise<void>;
}

export interface Operation {
  readonly variables?: Record<string, unknown>;
  /** E.g. `{ 'image.file': bytes }` for a variable `$image: ImageInput!`. */
  readonly files?: Record<string, Uint8Array<ArrayBuffer>>;
  /** The admin key when absent; null for none. */
  readonly key?: string | null;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly data: any;
  readonly errors?: { message: string; extensions?: { code?: string } }[];
}

/** Opens an API on a database directory or server; `accepting` is what readiness reports. */
export async function openApi(
  engine: Engine,
  {
    directory,
    url,
    accepting = () => true,
    jobs: jobOptions,
    limits = {},
    log = () => undefined,
  }: {
    directory: string;
    url?: string;
    accepting?: () => boolean;
    jobs?: JobOptions;
    /** Where they differ from the defaults. */
    limits?: Partial<Limits>;
    /** Gets each line of the log. */
    log?: (line: string) => void;
  },
): Promise<Api> {
  const database = await openDatabase(directory, url);
  const db = database.client;
  const metrics = createMetrics();
  const measured = measuredEngine(engine, metrics.observeStage);
  const indexes = createIndexes(db, measured);
  await indexes.followAll();
  const complaints: unknown[] = [];
  const complain = (error: unknown) => void complaints.push(error);
  const jobs = startJobs(database, { engine, indexes }, complain, jobOptions);
  const searchLog = createSearchLog(db, (error) => console.error(error));
  const server = createServer({
    db,
    engine: measured,
    indexes,
    jobs,
    searchLog,
    databaseKind: database.kind,
    graphiql: false,
    accepting,
    limits: { ...limitsOf(readConfig({})), ratePerMinute: 0, ...limits },
    metrics,
    metricsEndpoint: true,
    log: createLog('debug', { write: log }),
  });
  const admin = await createKey(db, { label: 'test', scopes: ['admin'] });
  const fetch: Api['fetch'] = async (path, init) =>
    server.fetch(new Request(`http://localhost${path}`, init), {});
  return {
    database,
    indexes,
    jobs,
    complaints,
    searchLog,
    admin,
    key: (...scopes) => createKey(db, { label: scopes.join(), scopes }),
    fetch,
    async run(query, { variables = {}, files, key = admin } = {}) {
      const headers: Record<string, string> = key === null ? {} : { 'x-api-key': key };
      const operation = JSON.stringify({ query, variables });
      const init = files
        ? { body: multipart(operation, files), headers }
        : { body: operation, headers: { ...headers, 'content-type': 'application/json' } };
      const response = await fetch('/graphql', { method: 'POST', ...init });
      return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) };
    },
    async close() {
      await jobs.stop();
      await searchLog.close();
      indexes.destroy();
      await database.close();
    },
  };
}

/** A directory that is removed when `use` is done. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'facegraph-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

// The GraphQL multipart request specification: operations, map, then the files.
function multipart(operations: string, files: Record<string, Uint8Array<ArrayBuffer>>): FormData {
  const form = new FormData();
  const paths = Object.keys(files);
  const withNulls = JSON.parse(operations);
  for (const path of paths) put(withNulls.variables, path.split('.'), null);
  form.set('operations', JSON.stringify(withNulls));
  form.set('map', JSON.stringify(Object.fromEntries(paths.map((p, i) => [i, [`variables.${p}`]]))));
  for (const [i, path] of paths.entries())
    form.set(String(i), new Blob([files[path]], { type: 'image/png' }), `${i}.png`);
  return form;
}

function put(target: Record<string, unknown>, [key, ...rest]: string[], value: unknown): void {
  if (rest.length === 0) target[key] = value;
  else {
    target[key] ??= {};
    put(target[key] as Record<string, unknown>, rest, value);
  }
}
