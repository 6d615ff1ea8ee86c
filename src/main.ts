import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { createLog, loggable } from './api/operation/log.ts';
import { measuredEngine } from './api/operation/measuredEngine.ts';
import { createMetrics, type Metrics } from './api/operation/metrics.ts';
import { createServer } from './api/server.ts';
import { type Config, ConfigInvalid, limitsOf, readConfig } from './config.ts';
import type { Engine } from './engine/engine.ts';
import { DEFAULT_QUEUE } from './engine/fairQueue.ts';
import { closeDecoder, setUpDecoder } from './engine/image/decode.ts';
import { openEngine } from './engine/openEngine.ts';
import { type Database, openDatabase } from './faces/database/database.ts';
import { followOthers } from './faces/gallery/followOthers.ts';
import { createIndexes, type IndexOptions } from './faces/gallery/indexes.ts';
import { startJobs } from './faces/jobs/worker.ts';
import { createFirstKey } from './faces/keys.ts';
import { createSearchLog } from './faces/search/searchLog.ts';
import { sweepTokens } from './faces/search/tokens.ts';

/** Rows of 512 in f16 take 1 KB each, so this is half a gigabyte on the GPU. */
const EXACT_LIMIT = 500_000;
/** Node's own patience, five minutes for a whole request, is too short for a large gallery. */
const REQUEST_MS = 3_600_000;
/**
 * systemd, `timeout` and shells signal every process of a service or group, and each launcher passes
 * it on: so long all that arrive are one.
 */
const ONE_SIGNAL_MS = 1_000;

/** An engine whose models are being made ready. */
interface WarmingEngine {
  readonly engine: Engine;
  readonly warm: Promise<void>;
}

const started = performance.now();

// V8 optimises a function after so many bytes of its bytecode have run. Requests come a few times a
// second, so with its own 66 KB a server gets faster, and its memory larger, for six minutes or
// more; with an eighth of that it is done after one to four (bench/LOG.md).
setFlagsFromString('--interrupt-budget=8192');

try {
  await serve(readConfig());
} catch (error) {
  if (error instanceof ConfigInvalid)
    for (const problem of error.problems) console.error(`facegraph: ${problem}`);
  else console.error(`facegraph: ${error instanceof Error ? error.message : error}`);
  if (error instanceof Error && error.cause) console.error(error.cause);
  process.exit(1);
}

async function serve(config: Config): Promise<void> {
  const { HOST: host, PORT: port, FACEGRAPH_METRICS: metricsAt } = config;
  const log = createLog(config.FACEGRAPH_LOG_LEVEL);
  const metrics = createMetrics();
  const { database, engine, warm } = await openBoth(config, metrics);
  const indexes = createIndexes(database.client, engine, indexOptions(config, database));
  await indexes.followAll((faces) => progress(`index: ${faces} faces loaded`));
  const unfollow = followOthers(database, indexes, (error) =>
    log.error({ error: loggable(error) }, 'following the database failed'),
  );
  const jobs = startJobs(
    database,
    { engine, indexes },
    (error) => log.error({ error: loggable(error) }, 'a job met an error'),
    { importDirectory: config.FACEGRAPH_IMPORT_DIR },
  );
  const searchLog = createSearchLog(database.client, (error) =>
    log.error({ error: loggable(error) }, 'writing the log of searches failed'),
  );
  const stopSweeping = sweepTokens(database.client, (error) =>
    log.error({ error: loggable(error) }, 'deleting expired tokens failed'),
  );

  let stoppedAt: number | undefined;
  let ready = false;
  const api = createServer({
    db: database.client,
    engine,
    indexes,
    jobs,
    searchLog,
    databaseKind: database.kind,
    graphiql: config.NODE_ENV !== 'production',
    accepting: () => stoppedAt === undefined && ready,
    limits: limitsOf(config),
    metrics,
    metricsEndpoint: metricsAt === 'on',
    log,
  });
  const servers = [await listen(api, host, port)];
  if (typeof metricsAt === 'number') servers.push(await listen(scraped(metrics), host, metricsAt));
  const [at, scrapedAt] = servers.map((server) => urlOf(host, server));
  const stop = async (): Promise<void> => {
    const now = performance.now();
    if (stoppedAt !== undefined) {
      if (now - stoppedAt < ONE_SIGNAL_MS) return;
      // Who asks twice does not want to wait.
      process.exit(1);
    }
    stoppedAt = now;
    progress('stopping: waiting for requests and job items in flight');
    // At once, since that also ends the streams that follow jobs.
    const worked = jobs.stop();
    await drain(servers, config.FACEGRAPH_DRAIN_SECONDS * 1000);
    await worked;
    await Promise.all([unfollow(), stopSweeping(), searchLog.close()]);
    indexes.destroy();
    await Promise.all([engine.close(), closeDecoder(), database.close()]);
    log.flush();
    progress('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  // Who asks before waits for the models; orchestrators wait for /readyz.
  progress(`listening: ${at}/healthz; models are made ready`);
  await warm;
  if (stoppedAt !== undefined) return;
  // Shown at once, since it can be shown only once.
  const firstKey = await createFirstKey(database.client);
  ready = true;
  progress(`ready: ${at}/graphql${scrapedAt ? `, ${scrapedAt}/metrics` : ''}`);
  if (firstKey)
    console.log(`\nAdmin key, shown this once (send it as x-api-key):\n\n  ${firstKey}\n`);
}

// pgvector takes up to 60 ms to enter a row in PGlite, so there somebody must ask for it.
function indexOptions(config: Config, { kind, noVectors }: Database): IndexOptions {
  const exactLimit =
    config.FACEGRAPH_EXACT_LIMIT ?? (kind === 'PostgreSQL' ? EXACT_LIMIT : undefined);
  if (exactLimit === undefined || noVectors === null) return { exactLimit };
  progress(`search: every gallery on the GPU, for in the database ${noVectors}`);
  return {};
}

function listen(handler: RequestListener, host: string, port: number): Promise<Server> {
  const server = createHttpServer({ requestTimeout: REQUEST_MS }, handler);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function urlOf(host: string, server: Server): string {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : undefined;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function scraped(metrics: Metrics): RequestListener {
  return async ({ url }, response) => {
    if (url !== '/metrics') return response.writeHead(404).end();
    // A rejection that nobody handles would end the program.
    const text = await metrics.text().catch(() => null);
    if (text === null) return response.writeHead(500).end();
    return response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
  };
}

// Ends when the requests in flight have their answers, or the time is up.
async function drain(servers: readonly Server[], ms: number): Promise<void> {
  const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
  // A connection that is kept alive becomes idle only with its answer.
  const idle = setInterval(() => {
    for (const server of servers) server.closeIdleConnections();
  }, 50);
  const late = setTimeout(() => {
    for (const server of servers) server.closeAllConnections();
  }, ms);
  await Promise.all(closed);
  clearInterval(idle);
  clearTimeout(late);
}

// Together, because each waits for something else: one compiles WASM, one the GPU's driver. Both are
// waited for even when one fails: a first start cut short would leave half a database.
async function openBoth(
  config: Config,
  metrics: Metrics,
): Promise<{ database: Database } & WarmingEngine> {
  const { FACEGRAPH_DATA: directory, DATABASE_URL: url } = config;
  progress('database: opening, which takes some seconds when it is new');
  const opening = openDatabase(directory, url).then((database) => {
    const { kind, migrated } = database;
    progress(`database: ${kind}${migrated.length > 0 ? `, applied ${migrated.join(', ')}` : ''}`);
    return database;
  });
  const [database, engine] = await Promise.allSettled([opening, openGpuEngine(config, metrics)]);
  if (database.status === 'fulfilled' && engine.status === 'fulfilled')
    return { database: database.value, ...engine.value };
  if (database.status === 'fulfilled') await database.value.close();
  throw database.status === 'rejected' ? database.reason : (engine as PromiseRejectedResult).reason;
}

async function openGpuEngine(config: Config, metrics: Metrics): Promise<WarmingEngine> {
  const entries = config.FACEGRAPH_MAX_QUEUE;
  const limits = { ...DEFAULT_QUEUE, entries };
  const { maxImageBytes: maxBytes, maxImagePixels: maxPixels } = limitsOf(config);
  const images = { maxBytes, maxPixels };
  setUpDecoder({ images, limits, observe: metrics.decodeQueue });
  const { gpuQueue: observe, batched } = metrics;
  const opened = await openEngine({ limits, observe, batched });
  const { description, software } = opened.adapter;
  progress(`GPU: ${description}${software ? ' (in software)' : ''}`);
  const warm = opened.warmUp((model) => progress(`model: ${model} is ready`));
  // Whoever waits for it is told; until then it must not end the program.
  warm.catch(() => undefined);
  return { engine: measuredEngine(opened, metrics.observeStage), warm };
}

function progress(line: string): void {
  console.log(`[${((performance.now() - started) / 1000).toFixed(1)} s] ${line}`);
}
