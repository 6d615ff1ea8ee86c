import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../src/faces/database/database.ts';
import { temporaryDirectory } from './api/harness.ts';

describe('bytes in PGlite', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let database: Database;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    database = await openDatabase(directory.path);
  });
  afterAll(async () => {
    await database?.close();
    await directory.remove();
  });

  it('come back as they were given, in a transaction and out of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(20), async (bytes, skip) => {
        const given = bytes.subarray(skip);
        const echo = (db: Pick<Database['client'], '$queryRaw'>) =>
          db.$queryRaw<{ bytes: Uint8Array }[]>`
            SELECT ${given}::bytea AS bytes, length(${given}::bytea) AS length,
              encode(${given}::bytea, 'hex') AS hex`;
        const hex = Buffer.from(given).toString('hex');
        const expected = [{ bytes: Uint8Array.from(given), length: given.length, hex }];
        expect(await echo(database.client)).toEqual(expected);
        expect(await database.client.$transaction(echo)).toEqual(expected);
        const [[row]] = await database.client.$transaction([echo(database.client)] as never);
        expect(row).toEqual(expected[0]);
        // Its own memory, so that it may be read as floats.
        expect((row as { bytes: Uint8Array }).bytes.buffer.byteLength).toBe(given.length);
      }),
      { numRuns: 50 },
    );
  });

  it('may be none, and leave other types to Prisma', async () => {
    const rows = await database.client.$queryRaw`
      SELECT NULL::bytea AS bytes, '{"a":1}'::jsonb AS json, '2026-11-28 12:00:00+00'::timestamptz AS at, 9007199254740993 AS big`;
    expect(rows).toEqual([
      { bytes: null, json: { a: 1 }, at: new Date('2026-11-28T12:00:00Z'), big: 9007199254740993n },
    ]);
  });

  it('are rolled back with their transaction', async () => {
    const key = { id: 'k', bytes: Uint8Array.of(1, 2, 3) };
    await database.client.$executeRaw`CREATE TABLE kept (id text, bytes bytea)`;
    const failing = database.client.$transaction(async (tx) => {
      await tx.$executeRaw`INSERT INTO kept VALUES (${key.id}, ${key.bytes})`;
      expect(await tx.$queryRaw`SELECT * FROM kept`).toEqual([key]);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await database.client.$queryRaw`SELECT * FROM kept`).toEqual([]);
  });
});
