import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../src/faces/database/database.ts';
import { changeFaces } from '../src/faces/gallery/changes.ts';
import { followOthers } from '../src/faces/gallery/followOthers.ts';
import { createIndexes, type Indexes } from '../src/faces/gallery/indexes.ts';
import { insertFace, insertIdentity } from '../src/faces/gallery/store.ts';
import { template } from '../src/faces/gallery/template.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';
import { randomUnit, unit } from './support/unit.ts';

const MODEL = 'facenet-vggface2';
const ALL = { top: 50, threshold: 2 } as const;

const face = (seed: number) => ({
  face: {
    box: [seed, 0, 64, 64] as const,
    confidence: 0.9,
    landmarks: {
      leftEye: [1, 1],
      rightEye: [2, 1],
      nose: [2, 2],
      mouthLeft: [1, 3],
      mouthRight: [2, 3],
    } as const,
  },
  imageHash: 'none',
  bytes: new Uint8Array(),
  embedding: randomUnit(seed + 1, 3),
});

interface Process {
  readonly database: Database;
  readonly db: Database['client'];
  readonly indexes: Indexes;
}

function process(database: Database): Process {
  const db = database.client;
  return { database, db, indexes: createIndexes(db, fakeEngine()) };
}

async function gallery({ db, indexes }: Process, name: string): Promise<string> {
  const { id } = await db.gallery.create({ data: { name, model: MODEL } });
  await indexes.follow(id);
  return id;
}

const enrol = (p: Process, galleryId: string, seed: number, identity: { id: string }) =>
  changeFaces(p, galleryId, async (tx, touched, now) => {
    const row = await insertFace(tx, now, identity, face(seed));
    touched.faces.add(row.id);
    touched.identities.add(identity.id);
    return row.id;
  });

async function person(p: Process, galleryId: string, name: string): Promise<{ id: string }> {
  return insertIdentity(p.db, galleryId, { name });
}

/** What an index answers, as plain data. */
async function answer({ indexes }: Process, galleryId: string, rankBy: 'face' | 'template') {
  const [{ candidates }] = await indexes.identify(galleryId, [unit(1, 2, 3)], { ...ALL, rankBy });
  return candidates.map((c) => [c.identity, c.face.id, Number(c.distance.toFixed(5))]);
}

async function expectLikeNew(p: Process, galleryId: string) {
  const anew = process(p.database);
  await anew.indexes.followAll();
  expect(p.indexes.size(galleryId)).toBe(anew.indexes.size(galleryId));
  for (const rankBy of ['face', 'template'] as const)
    expect(await answer(p, galleryId, rankBy)).toEqual(await answer(anew, galleryId, rankBy));
}

describe('template', () => {
  it('is the normalised mean', () => {
    expect([...template([unit(1, 0), unit(0, 1)], 0.4)!]).toEqual([...unit(1, 1)]);
    expect(template([], 0.4)).toBeUndefined();
  });

  it('leaves out what is far from the middle, but of two keeps both', () => {
    const [a, b, c] = [unit(1, 0, 0.1), unit(1, 0.1, 0), unit(-1, 0.5, 0)];
    expect([...template([a, b, c], 0.4)!]).toEqual([...template([a, b], 0.4)!]);
    expect([...template([a, c], 0.4)!]).not.toEqual([...a]);
  });

  it('of opposite faces is one of them, never nothing', () => {
    expect([...template([unit(1, 0), unit(-1, 0)], 0.4)!]).toEqual([1, 0]);
  });
});

describe('indexes of one process', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let one: Process;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    one = process(await openDatabase(directory.path));
  });
  afterAll(async () => {
    await one?.database.close();
    await directory.remove();
  });

  it('are what a new process loads, after any enrolments, moves and deletions', async () => {
    const operation = fc.record({
      kind: fc.constantFrom('enrol', 'enrol', 'move', 'delete', 'deletePerson'),
      face: fc.nat(20),
      person: fc.nat(3),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 20 }), async (operations) => {
        const id = await gallery(one, `property ${run++}`);
        const people: { id: string }[] = [];
        for (const name of 'abcd') people.push(await person(one, id, name));
        for (const { kind, face: number, person: p } of operations) {
          const who = people[p];
          const existing = await one.db.face.findFirst({
            where: { galleryId: id, box: { equals: [number, 0, 64, 64] } },
          });
          if (kind === 'enrol' && !existing) await enrol(one, id, number, who);
          if (kind === 'move' && existing)
            await changeFaces(one, id, async (tx, touched) => {
              await tx.face.update({ where: { id: existing.id }, data: { identityId: who.id } });
              touched.faces.add(existing.id);
              touched.identities.add(existing.identityId!).add(who.id);
            });
          if (kind === 'delete' && existing)
            await changeFaces(one, id, async (tx, touched) => {
              await tx.face.delete({ where: { id: existing.id } });
              touched.faces.add(existing.id);
              touched.identities.add(existing.identityId!);
            });
          if (kind === 'deletePerson') {
            await changeFaces(one, id, async (tx, touched) => {
              const faces = await tx.face.findMany({ where: { identityId: who.id } });
              for (const { id: gone } of faces) touched.faces.add(gone);
              await tx.identity.delete({ where: { id: who.id } });
            });
            people[p] = await person(one, id, 'anew');
          }
        }
        await expectLikeNew(one, id);
      }),
      { numRuns: 8 },
    );
  });

  it('change nothing when the change fails, and read anew when the log is too short', async () => {
    const id = await gallery(one, 'failing');
    const who = await person(one, id, 'somebody');
    await enrol(one, id, 1, who);
    const before = await answer(one, id, 'face');
    await expect(enrol(one, id, 1, who)).rejects.toThrow('enrolled already');
    expect(await answer(one, id, 'face')).toEqual(before);
    const other = process(one.database);
    await other.indexes.followAll();
    await enrol(one, id, 2, who);
    await enrol(one, id, 3, who);
    await one.db.galleryChange.deleteMany({ where: { galleryId: id } });
    await enrol(one, id, 4, who);
    await other.indexes.follow(id);
    expect(await answer(other, id, 'template')).toEqual(await answer(one, id, 'template'));
    expect(other.indexes.size(id)).toBe(4);
  });
});

describe.skipIf(POSTGRES_BIN === undefined)(
  `two processes on one PostgreSQL${POSTGRES_BIN ? '' : ' (PostgreSQL is not installed)'}`,
  () => {
    let server: Postgres;
    let processes: Process[];
    beforeAll(async () => {
      server = await startPostgres();
      const url = await server.database();
      processes = [
        process(await openDatabase('unused', url)),
        process(await openDatabase('unused', url)),
      ];
    });
    afterAll(async () => {
      for (const { database } of processes ?? []) await database.close();
      await server?.stop();
    });

    it('see what the other does within a second, announced or not', async () => {
      const [a, b] = processes;
      const failures: unknown[] = [];
      const stop = followOthers(b.database, b.indexes, (error) => failures.push(error));
      const id = await gallery(a, 'shared');
      const who = await person(a, id, 'somebody');
      for (let seed = 0; seed < 5; seed++) {
        if (seed === 3)
          await b.db
            .$executeRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`;
        await enrol(a, id, seed, who);
        await expect.poll(() => b.indexes.size(id), { timeout: 1000, interval: 5 }).toBe(seed + 1);
      }
      expect(await answer(b, id, 'template')).toEqual(await answer(a, id, 'template'));
      await a.db.gallery.delete({ where: { id } });
      await expect.poll(() => b.indexes.size(), { timeout: 1500 }).toBe(0);
      await stop();
      expect(failures).toEqual([]);
    });

    it('may change one gallery at once and lose nothing', async () => {
      const [a, b] = processes;
      const id = await gallery(a, 'both');
      const who = await person(a, id, 'somebody');
      await Promise.all(
        Array.from({ length: 20 }, (_, seed) => enrol(seed % 2 ? a : b, id, seed, who)),
      );
      await Promise.all([a.indexes.follow(id), b.indexes.follow(id)]);
      expect(a.indexes.size(id)).toBe(20);
      expect(await answer(b, id, 'template')).toEqual(await answer(a, id, 'template'));
      await expectLikeNew(a, id);
      const { version } = await a.db.gallery.findUniqueOrThrow({ where: { id } });
      expect(version).toBe(20);
    });
  },
);
