import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../src/faces/database/database.ts';
import { createIndexes } from '../src/faces/gallery/indexes.ts';
import { faceRows, rowsOf } from '../src/faces/gallery/rows.ts';
import { toBytes } from '../src/faces/gallery/vector.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';
import { randomArray } from './support/random.ts';

const MODEL = 'facenet-vggface2';
const FACES = 25;
const embedding = (face: number) => randomArray(face + 1, 512);

async function fill({ client: db }: Database): Promise<string> {
  const gallery = await db.gallery.create({
    data: { name: 'rows', model: MODEL, identities: { create: { name: 'somebody' } } },
    include: { identities: true },
  });
  for (let face = 0; face < FACES; face++)
    await db.face.create({
      data: {
        galleryId: gallery.id,
        identityId: gallery.identities[0].id,
        box: [face, 0, 1, 1],
        landmarks: [],
        confidence: 1,
        imageHash: 'none',
        embeddings: {
          create: [
            { model: MODEL, vector: toBytes(embedding(face)) },
            { model: 'another', vector: toBytes(embedding(1000)) },
          ],
        },
      },
    });
  return gallery.id;
}

async function expectAll({ client: db }: Database, id: string): Promise<void> {
  const head = { id, model: MODEL, version: 0 };
  const pages: number[] = [];
  const rows = [];
  for await (const page of faceRows(db, head, 10)) {
    pages.push(page.length);
    rows.push(...page);
  }
  expect(pages).toEqual([10, 10, 5]);
  expect(rows.map((row) => row.embedding)).toEqual(rows.map((_, face) => embedding(face)));
  const some = [rows[3].faceId, rows[7].faceId, 'nobody'];
  expect(await rowsOf(db, head, some)).toEqual([rows[3], rows[7]]);
  expect(await rowsOf(db, { ...head, id: 'another' }, some)).toEqual([]);
}

describe('rows of a gallery', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let server: Postgres | undefined;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    if (POSTGRES_BIN) server = await startPostgres();
  });
  afterAll(async () => {
    await server?.stop();
    await directory.remove();
  });

  it('come whole, in pages, of one gallery and model, from PGlite', async () => {
    const database = await openDatabase(directory.path);
    await expectAll(database, await fill(database));
    await database.close();
  });

  it.skipIf(!POSTGRES_BIN)('and from a server', async () => {
    const database = await openDatabase('unused', await server!.database());
    await expectAll(database, await fill(database));
    await database.close();
  });

  it.skipIf(!POSTGRES_BIN)('are indexed as f16 from 100,000 faces on', async () => {
    const database = await openDatabase('unused', await server!.database());
    const { client: db } = database;
    const formats: unknown[] = [];
    const engine = fakeEngine();
    const indexes = createIndexes(db, {
      ...engine,
      index: (dimensions, format) => {
        formats.push(format);
        return engine.index(dimensions);
      },
    });
    const id = await fill(database);
    await indexes.follow(id);
    expect(formats).toEqual(['f32']);
    await db.$executeRaw`INSERT INTO "Face" (id, "galleryId", "identityId", confidence, "imageHash", box)
      SELECT n::text, "galleryId", "identityId", 1, n::text, '{}' FROM generate_series(26, 100000) n,
      (SELECT "galleryId", "identityId" FROM "Face" LIMIT 1) face`;
    const anew = { where: { id }, data: { version: 2 } };
    await db.gallery.update(anew);
    await indexes.follow(id);
    expect(formats).toEqual(['f32', 'f16']);
    await database.close();
  });
});
