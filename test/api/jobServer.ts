import { createServer as createHttpServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../src/api/operation/log.ts';
import { createMetrics } from '../../src/api/operation/metrics.ts';
import { createServer } from '../../src/api/server.ts';
import { limitsOf, readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/faces/database/database.ts';
import { followOthers } from '../../src/faces/gallery/followOthers.ts';
import { createIndexes } from '../../src/faces/gallery/indexes.ts';
import { startJobs } from '../../src/faces/jobs/worker.ts';
import { createSearchLog } from '../../src/faces/search/searchLog.ts';
import { fakeEngine } from './fakeEngine.ts';

// What src/main.ts does, with the double of the engine and a short lease: a process of its own that
// tests can kill. It prints its port.

const DETECT_MS = 20;
const LEASE_MS = 1200;

const fake = fakeEngine();
const engine: typeof fake = Object.assign(Object.create(fake), {
  async detect(image: Parameters<typeof fake.detect>[0]) {
    await sleep(DETECT_MS);
    return fake.detect(image);
  },
});
const database = await openDatabase('unused', process.env.DATABASE_URL);
const indexes = createIndexes(database.client, engine);
await indexes.followAll();
followOthers(database, indexes, console.error);
const jobs = startJobs(database, { engine, indexes }, console.error, { leaseMs: LEASE_MS });
const http = createHttpServer(
  createServer({
    db: database.client,
    engine,
    indexes,
    jobs,
    searchLog: createSearchLog(database.client, console.error),
    databaseKind: database.kind,
    graphiql: false,
    accepting: () => true,
    limits: { ...limitsOf(readConfig({})), ratePerMinute: 0 },
    metrics: createMetrics(),
    metricsEndpoint: false,
    log: createLog('silent'),
  }),
);
http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  if (typeof address === 'object' && address) console.log(address.port);
});
