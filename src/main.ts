import { createServer as createHttpServer } from 'node:http';
import { createServer } from './api/server.ts';
import type { Engine } from './engine/engine.ts';
import { closeDecoder } from './engine/image/decode.ts';
import { openEngine } from './engine/openEngine.ts';
import { type Database, openDatabase } from './faces/database/database.ts';
import { followOthers } from './faces/gallery/followOthers.ts';
import { createIndexes } from './faces/gallery/indexes.ts';
import { createFirstKey } from './faces/keys.ts';

const DRAIN_MS = 10_000;
const IMPORT_MS = 3_600_000;

const started = performance.now();
const host = process.env.HOST ?? '127.0.0.1';
const port = Number(process.env.PORT ?? 4000);
const directory = process.env.FACEGRAPH_DATA ?? '.data';

try {
  await serve();
} catch (error) {
  console.error(`facegraph: ${error instanceof Error ? error.message : error}`);
  if (error instanceof Error && error.cause) console.error(error.cause);
  process.exit(1);
}

async function serve(): Promise<void> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT is ${process.env.PORT}: give a number from 0 to 65535`);
  const { database, engine } = await openBoth();
  const indexes = createIndexes(database.client, engine);
  await indexes.followAll((faces) => progress(`index: ${faces} faces loaded`));
  const unfollow = followOthers(database, indexes, (error) =>
    console.error('following the database failed:', error),
  );
  const firstKey = await createFirstKey(database.client);

  let accepting = true;
  const http = createHttpServer(
    // Node's own patience, five minutes for a whole request, is too short for a large gallery.
    { requestTimeout: IMPORT_MS },
    createServer({
      db: database.client,
      engine,
      indexes,
      databaseKind: database.kind,
      graphiql: process.env.NODE_ENV !== 'production',
      accepting: () => accepting,
    }),
  );
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, resolve);
  });
  const address = http.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  progress(`ready: http://${host}:${bound}/graphql`);
  if (firstKey)
    console.log(`\nAdmin key, shown this once (send it as x-api-key):\n\n  ${firstKey}\n`);

  const stop = async (): Promise<void> => {
    if (!accepting) return;
    accepting = false;
    progress('stopping: waiting for requests in flight');
    const drained = new Promise((resolve) => http.close(resolve));
    http.closeIdleConnections();
    setTimeout(() => http.closeAllConnections(), DRAIN_MS).unref();
    await drained;
    await unfollow();
    indexes.destroy();
    await Promise.all([engine.close(), closeDecoder(), database.close()]);
    progress('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

// Together, because each waits for something else: one compiles WASM, one the GPU's driver. Both are
// waited for even when one fails: a first start cut short would leave half a database.
async function openBoth(): Promise<{ database: Database; engine: Engine }> {
  const opening = openDatabase(directory, process.env.DATABASE_URL).then((database) => {
    const { kind, migrated } = database;
    progress(`database: ${kind}${migrated.length > 0 ? `, applied ${migrated.join(', ')}` : ''}`);
    return database;
  });
  const [database, engine] = await Promise.allSettled([opening, openGpuEngine()]);
  if (database.status === 'fulfilled' && engine.status === 'fulfilled')
    return { database: database.value, engine: engine.value };
  if (database.status === 'fulfilled') await database.value.close();
  throw database.status === 'rejected' ? database.reason : (engine as PromiseRejectedResult).reason;
}

async function openGpuEngine(): Promise<Engine> {
  const engine = await openEngine();
  const { description, software } = engine.adapter;
  progress(`GPU: ${description}${software ? ' (in software)' : ''}`);
  return engine;
}

function progress(line: string): void {
  console.log(`[${((performance.now() - started) / 1000).toFixed(1)} s] ${line}`);
}
