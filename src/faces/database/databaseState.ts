import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FacegraphError } from '../../errors.ts';
import { lockDirectory } from './lock.ts';
import type { Session } from './migrate.ts';

/** What can be told of the database without changing it. */
export interface DatabaseState {
  readonly kind: 'PGlite' | 'PostgreSQL';
  /** `absent`: the embedded database is made when the server first starts. */
  readonly state: 'reachable' | 'absent' | 'in use' | 'unreachable';
  /** Why it is in use or unreachable. */
  readonly reason?: string;
  /** Names of migrations; both lists only when it is reachable. */
  readonly applied?: readonly string[];
  readonly pending?: readonly string[];
}

const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/**
 * Looks at the database as `openDatabase` would open it, applying no migration.
 * @param directory the data directory.
 * @param url of a PostgreSQL server, looked at instead of the embedded database when given.
 */
export async function databaseState(directory: string, url?: string): Promise<DatabaseState> {
  const kind = url ? 'PostgreSQL' : 'PGlite';
  if (!url && !existsSync(join(directory, 'pglite'))) return { kind, state: 'absent' };
  try {
    const migrations = await (url ? onServer(url) : embedded(directory));
    return { kind, state: 'reachable', ...migrations };
  } catch (error) {
    const state = error instanceof FacegraphError ? 'in use' : 'unreachable';
    // Failed connections to several addresses come as an AggregateError without a message.
    const { message, code } = error as NodeJS.ErrnoException;
    return { kind, state, reason: message || code };
  }
}

async function onServer(url: string) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  await client.connect();
  return migrations({ query: (sql) => client.query(sql) }).finally(() => client.end());
}

async function embedded(directory: string) {
  const unlock = await lockDirectory(directory);
  try {
    const { PGlite } = await import('@electric-sql/pglite');
    const session = await PGlite.create(join(directory, 'pglite'));
    return await migrations({ query: (sql) => session.query(sql) }).finally(() => session.close());
  } finally {
    await unlock();
  }
}

async function migrations(session: Pick<Session, 'query'>) {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const books = await session.query(`SELECT to_regclass('_prisma_migrations') AS books`);
  const { rows } = (books.rows[0] as { books: string | null }).books
    ? await session.query(
        'SELECT migration_name FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1',
      )
    : { rows: [] };
  const applied = rows.map((row) => (row as { migration_name: string }).migration_name);
  return { applied, pending: names.filter((name) => !applied.includes(name)).sort() };
}
