import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import fc from 'fast-check';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../src/faces/database/database.ts';
import { migrate, type Session } from '../src/faces/database/migrate.ts';
import { prepareVectors } from '../src/faces/database/vectors.ts';
import { changeFaces } from '../src/faces/gallery/changes.ts';
import { deleteFace, deleteGallery, deleteIdentity } from '../src/faces/gallery/galleries.ts';
import { createIndexes, type Indexes } from '../src/faces/gallery/indexes.ts';
import { toBytes } from '../src/faces/gallery/vector.ts';
import { databaseIndex, fillVectors, hasVectors } from '../src/faces/gallery/vectors.ts';
import { galleryOf } from './api/bundles.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, startPostgres } from './api/postgres.ts';
import { MIGRATIONS, prismaMigrate } from './api/schemaEngine.ts';
import { randomArray } from './support/random.ts';
import { randomUnit, unit } from './support/unit.ts';

const engine = fakeEngine();
const PROBES = [1, 2, 3].map((seed) => randomUnit(seed + 100, 3));

function somebody(name: string, ...seeds: number[]) {
  return { name, externalId: null, faces: seeds.map((seed) => randomUnit(seed + 1, 3)) };
}

describe('vectors in the database', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let database: Database;
  let db: Database['client'];
  let indexes: Indexes;
  const service = (of: Indexes) => ({ db, engine, indexes: of, galleries: null });

  beforeAll(async () => {
    directory = await temporaryDirectory();
    database = await openDatabase(directory.path);
    db = database.client;
    indexes = createIndexes(db, engine, { exactLimit: 0 });
  });
  afterAll(async () => {
    await database?.close();
    await directory.remove();
  });

  const rows = async (galleryId: string) => {
    const [counts] = await db.$queryRaw<{ faces: number; templates: number }[]>`SELECT
      (SELECT count(*)::int FROM facegraph_search.face WHERE "galleryId" = ${galleryId}) AS faces,
      (SELECT count(*)::int FROM facegraph_search.template WHERE "galleryId" = ${galleryId}) AS templates`;
    return [counts.faces, counts.templates];
  };
  const ready = async (id: string) =>
    hasVectors(db, await db.gallery.findUniqueOrThrow({ where: { id } }));

  /** The database answers as the exact index of a new process, within the rounding of f16. */
  async function expectLikeExact(id: string, of = indexes) {
    const exact = createIndexes(db, engine);
    await exact.followAll();
    expect(of.size(id)).toBe(exact.size(id));
    for (const rankBy of ['face', 'template'] as const)
      for (const top of [2, 300]) {
        const options = { top, threshold: 0.3, rankBy };
        const expected = await exact.identify(id, PROBES, options);
        const found = await of.identify(id, PROBES, options);
        found.forEach(({ candidates, match }, probe) => {
          const wanted = expected[probe].candidates;
          expect(candidates).toHaveLength(wanted.length);
          candidates.forEach(({ distance, identity, face }, i) => {
            expect(Math.abs(distance - wanted[i].distance)).toBeLessThan(1e-3);
            const same = wanted.find((other) => other.identity === identity);
            if (top === 300) {
              expect(Math.abs(distance - same!.distance)).toBeLessThan(1e-3);
              if (rankBy === 'template') expect(face.id).toBe(identity);
            }
          });
          if (match) expect(match).toBe(candidates[0].identity);
          if (Math.abs((wanted[0]?.distance ?? 2) - 0.3) > 1e-3)
            expect(match === null).toBe(expected[probe].match === null);
        });
      }
  }

  it('answer as the exact index does after any enrolments, moves and deletions', async () => {
    const operation = fc.record({ kind: fc.nat(5), at: fc.nat(), seed: fc.nat(1000) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 3, maxLength: 12 }), async (operations) => {
        const id = await galleryOf(service(indexes), { name: `property ${run++}` }, [
          somebody('Ada', 1, 2, 3),
          somebody('Bob', 4),
        ]);
        await indexes.promote();
        expect(await ready(id)).toBe(true);
        for (const { kind, at, seed } of operations) {
          const faces = await db.face.findMany({ where: { galleryId: id } });
          const people = await db.identity.findMany({ where: { galleryId: id } });
          const face = faces[at % faces.length];
          const person = people[at % people.length];
          if (kind === 0 && face) await deleteFace(service(indexes), face.id);
          else if (kind === 1 && person) await deleteIdentity(service(indexes), person.id);
          else if (kind === 2 && face && person)
            await changeFaces(service(indexes), id, async (tx, touched) => {
              await tx.face.update({ where: { id: face.id }, data: { identityId: person.id } });
              touched.faces.add(face.id);
              touched.identities.add(face.identityId!).add(person.id);
            });
          else await enrolMore(id, seed);
        }
        expect(await ready(id)).toBe(true);
        const counts = { where: { galleryId: id, template: { not: null } } };
        expect(await rows(id)).toEqual([
          await db.face.count({ where: { galleryId: id } }),
          await db.identity.count(counts),
        ]);
        await expectLikeExact(id);
      }),
      { numRuns: 8 },
    );
  });

  async function enrolMore(id: string, seed: number): Promise<void> {
    await changeFaces(service(indexes), id, async (tx, touched, { model }) => {
      const embedding = randomUnit(seed + 10, 3);
      const identity = await tx.identity.create({ data: { galleryId: id, name: `new ${seed}` } });
      const face = await tx.face.create({
        data: {
          galleryId: id,
          identityId: identity.id,
          box: [],
          landmarks: [],
          confidence: 1,
          imageHash: identity.id,
          embeddings: {
            create: { model, vector: new Uint8Array(embedding.buffer as ArrayBuffer) },
          },
        },
      });
      touched.faces.add(face.id);
      touched.identities.add(identity.id);
    });
  }

  it('take a gallery that changes while it moves, and one where a move was cut short', async () => {
    const people = Array.from({ length: 130 }, (_, i) => somebody(`person ${i}`, i));
    const id = await galleryOf(service(indexes), { name: 'moving' }, people);
    await Promise.all([indexes.promote(), enrolMore(id, 1), enrolMore(id, 2), enrolMore(id, 3)]);
    expect(await rows(id)).toEqual([133, 133]);
    await expectLikeExact(id);

    await db.$executeRaw`UPDATE facegraph_search.gallery SET ready = false WHERE "galleryId" = ${id}`;
    await db.$executeRaw`DELETE FROM facegraph_search.face WHERE "galleryId" = ${id} AND id > (SELECT min(id) FROM "Face" WHERE "galleryId" = ${id})`;
    expect(await ready(id)).toBe(false);
    await Promise.all([fillVectors(db, id), fillVectors(db, id)]);
    expect(await rows(id)).toEqual([133, 133]);
    expect(await ready(id)).toBe(true);
  });

  it('stay below the limit on the GPU, and go back there when they fell behind', async () => {
    const id = await galleryOf(service(indexes), { name: 'behind' }, [somebody('Ada', 1, 2)]);
    const patient = createIndexes(db, engine, { exactLimit: 2 });
    await patient.follow(id);
    await patient.promote();
    expect(await ready(id)).toBe(false);
    await indexes.promote();
    expect(await ready(id)).toBe(true);

    // A process without pgvector, or of an older version, leaves the tables behind.
    const [{ id: face }] = await db.face.findMany({ where: { galleryId: id } });
    await deleteFace(service(createIndexes(db, engine)), face);
    expect(await ready(id)).toBe(false);
    await indexes.follow(id);
    await expectLikeExact(id);
    await indexes.promote();
    expect(await ready(id)).toBe(true);
    await expectLikeExact(id);
  });

  it('keep nothing of a gallery that is deleted', async () => {
    const id = await galleryOf(service(indexes), { name: 'gone' }, [somebody('Ada', 1, 2)]);
    await indexes.promote();
    expect(await rows(id)).toEqual([2, 1]);
    await deleteGallery(service(indexes), id, 'gone');
    expect(await rows(id)).toEqual([0, 0]);
    expect(indexes.size(id)).toBe(0);
    expect(await indexes.identify(id, PROBES, { top: 1, threshold: 1, rankBy: 'face' })).toEqual(
      PROBES.map(() => ({ candidates: [], match: null })),
    );
  });

  it('find 99 of 100 nearest rows by HNSW, of random and of clustered vectors in one index', async () => {
    const [ROWS, TOP, MODEL] = [1500, 20, 'facenet-vggface2'];
    const at = {
      random: (i: number) => randomUnit(i + 1, 512),
      clustered: (i: number) => {
        const noise = randomArray(i + 1, 512);
        const centre = randomArray(100_000 + (i % 150), 512);
        return unit(...centre.map((value, d) => value + noise[d] / 3));
      },
    };
    // Built at once, which takes a sixth of the time.
    await db.$executeRaw`DROP INDEX facegraph_search.face_512`;
    const ids: Record<string, string> = {};
    for (const kind of ['random', 'clustered'] as const) {
      const { id: galleryId } = await db.gallery.create({ data: { name: kind, model: MODEL } });
      const { id: identityId } = await db.identity.create({ data: { galleryId, name: kind } });
      const faces = Array.from({ length: ROWS }, (_, i) => ({ id: `${kind} ${10_000 + i}`, i }));
      const row = { galleryId, identityId, landmarks: [], confidence: 1, imageHash: '' };
      await db.face.createMany({ data: faces.map(({ id, i }) => ({ ...row, id, box: [i] })) });
      await db.embedding.createMany({
        data: faces.map(({ id, i }) => ({
          faceId: id,
          model: MODEL,
          vector: toBytes(at[kind](i)),
        })),
      });
      await fillVectors(db, galleryId);
      ids[kind] = galleryId;
    }
    await database.close();
    database = await openDatabase(directory.path);
    db = database.client;
    // At this size PostgreSQL would compare all rows.
    await db.$executeRaw`SET enable_sort = off`;
    for (const kind of ['random', 'clustered'] as const) {
      const vectors = Array.from({ length: ROWS }, (_, i) => at[kind](i));
      const probes = Array.from({ length: 25 }, (_, i) => at[kind](ROWS + i));
      const hits = await databaseIndex(db, ids[kind], 'face', ROWS).index.search(probes, TOP);
      let found = 0;
      probes.forEach((probe, p) => {
        const distances = vectors.map(
          (row) => 1 - row.reduce((sum, v, i) => sum + v * probe[i], 0),
        );
        const nearest = [...distances.keys()].sort((x, y) => distances[x] - distances[y]);
        const wanted = new Set(nearest.slice(0, TOP).map((i) => `${kind} ${10_000 + i}`));
        found += hits[p].filter((hit) => wanted.has(hit.id)).length;
      });
      console.info(`recall of ${kind} vectors: ${found / (probes.length * TOP)}`);
      expect(found / (probes.length * TOP)).toBeGreaterThanOrEqual(0.99);
    }
    await db.$executeRaw`SET enable_sort = on`;
    await db.$queryRaw`SELECT pg_stat_force_next_flush()::text`;
    const [{ scans }] = await db.$queryRaw<{ scans: number }[]>`
      SELECT idx_scan::int AS scans FROM pg_stat_user_indexes WHERE indexrelname = 'face_512'`;
    expect(scans).toBe(50);
  });

  it('are where Prisma sees no difference', async () => {
    const fresh = await PGlite.create({ extensions: { vector } });
    const session: Session = {
      exec: (script) => fresh.exec(script),
      query: (sql, parameters) => fresh.query(sql, [...(parameters ?? [])]),
    };
    await migrate(session, MIGRATIONS);
    expect(await prepareVectors(session)).toBeNull();
    expect(await prepareVectors(session)).toBeNull();
    const { rows: tables } = await fresh.query(
      `SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'facegraph_search'`,
    );
    expect(tables).toEqual([{ n: 3 }]);
    const prisma = await prismaMigrate(new PrismaPGlite(fresh));
    expect(await prisma.difference()).toMatch(/^(-- This is an empty migration\.)?\s*$/);
    await fresh.close();
  });

  it.skipIf(!POSTGRES_BIN)('are done without where the server has no pgvector', async () => {
    const server = await startPostgres();
    const opened = await openDatabase('unused', await server.database());
    const [{ there }] = await opened.client.$queryRaw<{ there: boolean }[]>`
      SELECT count(*) > 0 AS there FROM pg_available_extensions WHERE name = 'vector'`;
    if (there) expect(opened.noVectors).toBeNull();
    else expect(opened.noVectors).toBe('the extension vector is not installed');
    await opened.close();
    await server.stop();
  });
});
