import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { PrismaClient } from '../../generated/prisma/client.ts';
import { serializers, withByteParser } from './bytes.ts';
import { listen } from './listen.ts';
import { lockDirectory } from './lock.ts';
import { migrate, type Session } from './migrate.ts';
import { prepareVectors } from './vectors.ts';

/** The open database, its tables up to date. */
export interface Database {
  readonly client: PrismaClient;
  /** The embedded database on disk, or a server. */
  readonly kind: 'PGlite' | 'PostgreSQL';
  /** Why large galleries cannot be searched in the database; null where they can. */
  readonly noVectors: string | null;
  /** Names of the migrations applied while opening. */
  readonly migrated: readonly string[];
  /**
   * Hears what other processes announce with NOTIFY on a channel; an embedded database has none.
   * @param hear gets each payload, and undefined when announcements may have been missed.
   * @returns a function that stops listening.
   */
  listen(channel: string, hear: (payload: string | undefined) => void): () => Promise<void>;
  close(): Promise<void>;
}

// Changes of one gallery wait for each other, and Prisma's own patience is 2 and 5 seconds.
const TRANSACTION = { maxWait: 30_000, timeout: 30_000 };

const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/**
 * Opens the database and brings its tables up to date.
 * @param directory the data directory; the embedded database lies in `pglite` below it.
 * @param url of a PostgreSQL server, used instead of the embedded database when given.
 * @throws FacegraphError `InvalidInput` when another process has the embedded database open.
 */
export function openDatabase(directory: string, url?: string): Promise<Database> {
  return url ? openServer(url) : openEmbedded(directory);
}

async function openServer(url: string): Promise<Database> {
  const session = new pg.Client(url);
  await session.connect();
  const { migrated, noVectors } = await prepare({
    exec: (script) => session.query(script),
    query: (sql, parameters) => session.query(sql, [...(parameters ?? [])]),
  }).finally(() => session.end());
  const client = new PrismaClient({
    adapter: new PrismaPg(url),
    transactionOptions: TRANSACTION,
  });
  return {
    client,
    kind: 'PostgreSQL',
    noVectors,
    migrated,
    listen: (channel, hear) => listen(url, channel, hear),
    close: () => client.$disconnect(),
  };
}

async function openEmbedded(directory: string): Promise<Database> {
  await mkdir(directory, { recursive: true });
  const unlock = await lockDirectory(directory);
  let embedded: PGlite | undefined;
  const close = async () => {
    await embedded?.close();
    await unlock();
  };
  const data = join(directory, 'pglite');
  // A first start that was killed half-way leaves a folder that cannot be opened any more.
  const unfinished = join(directory, 'pglite.unfinished');
  try {
    if (existsSync(unfinished)) await rm(data, { recursive: true, force: true });
    if (!existsSync(data)) await writeFile(unfinished, '');
    embedded = await PGlite.create(data, { extensions: { vector }, serializers });
    const session = embedded;
    const { migrated, noVectors } = await prepare({
      exec: (script) => session.exec(script),
      query: (sql, parameters) => session.query(sql, [...(parameters ?? [])]),
    });
    await rm(unfinished, { force: true });
    const client = new PrismaClient({
      adapter: new PrismaPGlite(withByteParser(embedded)),
      transactionOptions: TRANSACTION,
    });
    return {
      client,
      kind: 'PGlite',
      noVectors,
      migrated,
      listen: () => async () => undefined,
      close: async () => {
        await client.$disconnect();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function prepare(session: Session) {
  const migrated = await migrate(session, MIGRATIONS);
  return { migrated, noVectors: await prepareVectors(session) };
}
