import { appendFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../src/faces/database/database.ts';
import { migrate, type Session } from '../src/faces/database/migrate.ts';
import { createFirstKey } from '../src/faces/keys.ts';
import { temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';
import { MIGRATIONS, prismaMigrate } from './api/schemaEngine.ts';

const sessionOf = (database: PGlite): Session => ({
  exec: (script) => database.exec(script),
  query: (sql, parameters) => database.query(sql, [...(parameters ?? [])]),
});

describe('migrations', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let database: PGlite;
  let ours: string;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    ours = join(directory.path, 'migrations');
    await cp(MIGRATIONS, ours, { recursive: true });
    database = await PGlite.create();
  });

  afterAll(async () => {
    await database?.close();
    await directory.remove();
  });

  it('make the tables of prisma/schema.prisma, and Prisma finds its books in order', async () => {
    const names = (await readdir(MIGRATIONS)).filter((name) => !name.includes('.'));
    expect(await migrate(sessionOf(database), MIGRATIONS)).toEqual(names.sort());
    const prisma = await prismaMigrate(new PrismaPGlite(database));
    expect(await prisma.difference()).toMatch(/^(-- This is an empty migration\.)?\s*$/);
    await database.exec('ALTER TABLE "Gallery" ADD COLUMN "extra" int');
    expect(await prisma.difference()).toContain('DROP COLUMN "extra"');
    await database.exec('ALTER TABLE "Gallery" DROP COLUMN "extra"');
    expect(await prisma.history()).toMatchObject({
      history: null,
      hasMigrationsTable: true,
      editedMigrationNames: [],
      failedMigrationNames: [],
    });
  });

  it('are applied once', async () => {
    expect(await migrate(sessionOf(database), MIGRATIONS)).toEqual([]);
  });

  it('are applied whole or not at all', async () => {
    const next = join(ours, '20990101000000_broken');
    await mkdir(next);
    await writeFile(join(next, 'migration.sql'), 'CREATE TABLE half (id int); SELECT nonsense();');
    await expect(migrate(sessionOf(database), ours)).rejects.toThrow(
      '20990101000000_broken failed',
    );
    const { rows } = await database.query(`SELECT to_regclass('half') AS half`);
    expect(rows).toEqual([{ half: null }]);
    await rm(next, { recursive: true });
    expect(await migrate(sessionOf(database), ours)).toEqual([]);
  });

  it('refuse a database that had another form of one, or one unknown here', async () => {
    const [first] = (await readdir(ours)).sort();
    await appendFile(join(ours, first, 'migration.sql'), '\n-- changed');
    await expect(migrate(sessionOf(database), ours)).rejects.toThrow('was changed after');
    await rm(join(ours, first), { recursive: true });
    await expect(migrate(sessionOf(database), ours)).rejects.toThrow('does not know');
  });
});

describe('embedded database', () => {
  it('is opened by one process, survives a killed first start, and makes one first key', async () => {
    const directory = await temporaryDirectory();
    const data = join(directory.path, 'pglite');
    await mkdir(data);
    await writeFile(join(data, 'PG_VERSION'), 'half');
    await writeFile(join(directory.path, 'pglite.unfinished'), '');
    await writeFile(join(directory.path, 'lock'), String(process.ppid));
    await expect(openDatabase(directory.path)).rejects.toThrow(`in use by process ${process.ppid}`);
    await writeFile(join(directory.path, 'lock'), '99999999');
    const database = await openDatabase(directory.path);
    expect(await createFirstKey(database.client)).toMatch(/^fg_[\w-]{43}$/);
    expect(await createFirstKey(database.client)).toBeNull();
    await database.close();
    expect((await readdir(directory.path)).sort()).toEqual(['pglite']);
    await directory.remove();
  });
});

describe.skipIf(POSTGRES_BIN === undefined)(
  `PostgreSQL server${POSTGRES_BIN ? '' : ' (PostgreSQL is not installed)'}`,
  () => {
    let server: Postgres;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.stop());

    it('is migrated once by servers that start together, and makes one first key', async () => {
      const url = await server.database();
      const opened = await Promise.all([1, 2, 3].map(() => openDatabase('unused', url)));
      const { length } = (await readdir(MIGRATIONS)).filter((name) => !name.includes('.'));
      expect(opened.map(({ migrated }) => migrated.length).sort()).toEqual([0, 0, length]);
      const keys = await Promise.all(opened.map(({ client }) => createFirstKey(client)));
      expect(keys.filter((key) => key !== null)).toHaveLength(1);
      await Promise.all(opened.map((database) => database.close()));
    });

    it('may be migrated by prisma migrate deploy before or after', async () => {
      const before = await server.database();
      const deployed = await (await prismaMigrate(new PrismaPg(before))).deploy();
      expect(deployed.length).toBeGreaterThan(0);
      const client = new pg.Client(before);
      await client.connect();
      const session: Session = {
        exec: (script) => client.query(script),
        query: (sql, parameters) => client.query(sql, [...(parameters ?? [])]),
      };
      expect(await migrate(session, MIGRATIONS)).toEqual([]);
      await client.end();

      const after = await server.database();
      await (await openDatabase('unused', after)).close();
      expect(await (await prismaMigrate(new PrismaPg(after))).deploy()).toEqual([]);
    });
  },
);
