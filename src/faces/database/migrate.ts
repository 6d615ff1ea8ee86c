import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One database connection, as far as migrations need it. */
export interface Session {
  /** Runs a script of any number of statements. */
  exec(script: string): Promise<unknown>;
  query(sql: string, parameters?: readonly unknown[]): Promise<{ rows: unknown[] }>;
}

interface Applied {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

// The number is the one that `prisma migrate` locks, so that it and we exclude each other.
const LOCK = 72707369;

const BOOKKEEPING = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

/**
 * Applies the migrations of a Prisma migrations folder that the database lacks, each in one
 * transaction, and keeps the books as `prisma migrate deploy` does, so either may be used.
 * @returns the names applied now.
 * @throws Error when an applied migration was changed since, is unfinished, or is unknown here
 *   (the database belongs to a newer program).
 */
export async function migrate(session: Session, directory: string): Promise<string[]> {
  await session.query(`SELECT pg_advisory_lock(${LOCK})`);
  try {
    await session.exec(BOOKKEEPING);
    const { rows } = await session.query(
      'SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL',
    );
    const applied = new Map((rows as Applied[]).map((row) => [row.migration_name, row]));
    const names = await migrationNames(directory);
    for (const name of applied.keys())
      if (!names.includes(name))
        throw new Error(`the database has migration ${name}, which this version does not know`);
    const done: string[] = [];
    for (const name of names) {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8');
      const row = applied.get(name);
      if (row) check(row, sql);
      else {
        await apply(session, name, sql);
        done.push(name);
      }
    }
    return done;
  } finally {
    await session.query(`SELECT pg_advisory_unlock(${LOCK})`);
  }
}

async function migrationNames(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

async function apply(session: Session, name: string, sql: string): Promise<void> {
  await session.exec('BEGIN');
  try {
    await session.exec(sql);
    await session.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), 1)`,
      [randomUUID(), checksum(sql), name],
    );
    await session.exec('COMMIT');
  } catch (cause) {
    await session.exec('ROLLBACK');
    throw new Error(`migration ${name} failed and was rolled back`, { cause });
  }
}

function check(row: Applied, sql: string): void {
  if (!row.finished_at)
    throw new Error(`migration ${row.migration_name} was begun but never finished`);
  // Git may have changed the line ends on Windows; Prisma accepts both too.
  const endings = [sql, sql.replaceAll('\r\n', '\n'), sql.replace(/\r?\n/g, '\r\n')];
  if (!endings.map(checksum).includes(row.checksum))
    throw new Error(`migration ${row.migration_name} was changed after it had been applied`);
}

function checksum(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}
