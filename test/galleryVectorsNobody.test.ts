import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../src/faces/database/database.ts';
import { changeFaces } from '../src/faces/gallery/changes.ts';
import { createIndexes, type Indexes } from '../src/faces/gallery/indexes.ts';
import { insertFace, insertIdentity } from '../src/faces/gallery/store.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { temporaryDirectory } from './api/harness.ts';
import { randomUnit } from './support/unit.ts';

const MODEL = 'facenet-vggface2';
const LIMIT = 20;
/** An embedding rounded to f16 moves a cosine distance by less than this. */
const HALF = 1e-3;

const landmarks = {
  leftEye: [1, 1],
  rightEye: [2, 1],
  nose: [2, 2],
  mouthLeft: [1, 3],
  mouthRight: [2, 3],
} as const;

describe('galleries searched in the database, with faces of nobody known', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let database: Database;
  let inDatabase: Indexes;
  let exact: Indexes;
  let boxes = 0;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    database = await openDatabase(directory.path);
    expect(database.noVectors).toBeNull();
    inDatabase = createIndexes(database.client, fakeEngine(), { exactLimit: LIMIT });
    exact = createIndexes(database.client, fakeEngine());
  });
  afterAll(async () => {
    await database?.close();
    await directory.remove();
  });

  const gallery = async (name: string) =>
    (await database.client.gallery.create({ data: { name, model: MODEL } })).id;
  const enrol = (galleryId: string, identity: { id: string } | null, embedding: Float32Array) =>
    changeFaces(
      { db: database.client, indexes: inDatabase },
      galleryId,
      async (tx, touched, now) => {
        const face = { box: [boxes++, 0, 9, 9] as const, confidence: 1, landmarks };
        const data = { face, imageHash: 'none', bytes: null, embedding };
        const row = await insertFace(tx, now, identity, data);
        touched.faces.add(row.id);
        if (identity) touched.identities.add(identity.id);
        return row.id;
      },
    );
  const person = (galleryId: string, name: string) =>
    insertIdentity(database.client, galleryId, { name });

  /** Whether both answer alike: the same distances, and people that are that near. */
  async function expectAlike(galleryId: string, probes: Float32Array[], top: number) {
    await exact.followAll();
    expect(inDatabase.size(galleryId)).toBe(exact.size(galleryId));
    for (const rankBy of ['face', 'template'] as const) {
      const options = { top, threshold: 0.5, rankBy };
      const [found, all] = await Promise.all([
        inDatabase.identify(galleryId, probes, options),
        exact.identify(galleryId, probes, { ...options, top: 10_000 }),
      ]);
      for (const [p, { candidates }] of found.entries()) {
        const truth = all[p].candidates;
        expect(candidates).toHaveLength(Math.min(top, truth.length));
        const own = new Map(truth.map((c) => [c.identity, c.distance]));
        for (const [i, { identity, distance }] of candidates.entries()) {
          expect(Math.abs(distance - truth[i].distance)).toBeLessThan(HALF);
          expect(Math.abs(own.get(identity)! - truth[i].distance)).toBeLessThan(HALF);
        }
      }
    }
  }

  it('answer as on the GPU, before they move, after, and after every change', async () => {
    const id = await gallery('grown');
    const people = await Promise.all(['a', 'b', 'c', 'd'].map((name) => person(id, name)));
    const faces: string[] = [];
    for (let i = 0; i < LIMIT; i++)
      faces.push(await enrol(id, people[i % 4], randomUnit(i + 1, 3)));
    const probes = [11, 12, 13].map((seed) => randomUnit(seed * 1000, 3));
    await inDatabase.promote();
    expect(await rows(id)).toBe(0);
    faces.push(await enrol(id, people[0], randomUnit(77, 3)));
    await inDatabase.promote();
    expect(await rows(id)).toBe(LIMIT + 1);
    await expectAlike(id, probes, 3);

    const nobodys = await enrol(id, null, probes[0]);
    expect(await rows(id)).toBe(LIMIT + 1);
    const [[nearest]] = await inDatabase.nearest(id, [probes[0]], 1, 'all');
    expect(nearest.id).toBe(nobodys);
    await changeFaces({ db: database.client, indexes: inDatabase }, id, async (tx, touched) => {
      await tx.face.update({ where: { id: nobodys }, data: { identityId: people[2].id } });
      await tx.face.update({ where: { id: faces[0] }, data: { identityId: people[1].id } });
      await tx.face.delete({ where: { id: faces[1] } });
      touched.faces.add(nobodys).add(faces[0]).add(faces[1]);
      for (const { id: touchedId } of people) touched.identities.add(touchedId);
    });
    await expectAlike(id, probes, 4);
    const [{ candidates }] = await inDatabase.identify(id, [probes[0]], {
      top: 1,
      threshold: 0.1,
      rankBy: 'face',
    });
    expect(candidates[0].identity).toBe(people[2].id);

    // Another process starts, and one that knows nothing of the tables changes the gallery.
    const other = createIndexes(database.client, fakeEngine(), { exactLimit: LIMIT });
    await other.followAll();
    expect(other.size(id)).toBe(inDatabase.size(id));
    await changeFaces({ db: database.client, indexes: exact }, id, async (tx, touched) => {
      const gone = await tx.face.findMany({ where: { identityId: people[3].id } });
      for (const face of gone) touched.faces.add(face.id);
      await tx.identity.delete({ where: { id: people[3].id } });
    });
    await inDatabase.follow(id);
    await expectAlike(id, probes, 4);
    await inDatabase.promote();
    await expectAlike(id, probes, 4);
  });

  it('are read onto the GPU again when the model changes, and forgotten with the gallery', async () => {
    const id = await gallery('changing');
    const somebody = await person(id, 'somebody');
    for (let i = 0; i <= LIMIT; i++) await enrol(id, somebody, randomUnit(i + 200, 3));
    await inDatabase.promote();
    expect(await rows(id)).toBe(LIMIT + 1);
    const db = database.client;
    const model = 'resnet50-vggface2';
    await db.embedding.updateMany({ where: { face: { galleryId: id } }, data: { model } });
    await db.gallery.update({ where: { id }, data: { model, version: { increment: 1 } } });
    await inDatabase.follow(id);
    await expectAlike(id, [randomUnit(5, 3)], 1);
    await db.gallery.delete({ where: { id } });
    await inDatabase.follow(id);
    expect(inDatabase.size(id)).toBe(0);
    expect(await rows(id)).toBe(0);
  });

  async function rows(galleryId: string): Promise<number> {
    const [{ count }] = await database.client.$queryRaw<{ count: number }[]>`
      SELECT count(*)::integer AS count FROM facegraph_search.face WHERE "galleryId" = ${galleryId}`;
    return count;
  }
});
