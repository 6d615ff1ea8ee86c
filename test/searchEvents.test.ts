import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { FacegraphError } from '../src/errors.ts';
import { blankIdentities } from '../src/faces/search/searchEvents.ts';
import { createSearchLog, type Search } from '../src/faces/search/searchLog.ts';
import type { PrismaClient } from '../src/generated/prisma/client.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { boundKey, createGallery, enrolNew, rowId } from './api/gallery.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';

const { red, green, blue } = PEOPLE;
const EVENTS = `query ($key: ID, $gallery: ID, $identity: ID, $kind: SearchKind, $from: DateTime, $to: DateTime, $first: Int, $after: String) {
  searchEvents(key: $key, gallery: $gallery, identity: $identity, kind: $kind, from: $from, to: $to, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { at keyId kind galleryIds model threshold imageHashes faces { index identityId distance match } } } } }`;
const IDENTIFY = `query ($image: ImageInput!, $galleries: [GalleryBy!]) {
  identify(image: $image, galleries: $galleries) { __typename } }`;
const VERIFY = `query ($a: ProbeInput!, $b: ProbeInput!) { verify(a: $a, b: $b) { __typename } }`;

const identification: Search = {
  keyId: 'x',
  kind: 'IDENTIFY',
  galleryIds: [],
  model: 'facenet-vggface2',
  threshold: 0.1,
  imageHashes: [],
  faces: [{ identityId: null, galleryId: null, distance: 1, match: false }],
};

afterAll(closeDecoder);

const databases = [
  { name: 'PGlite', skip: false },
  { name: 'PostgreSQL', skip: POSTGRES_BIN === undefined },
];

for (const { name, skip } of databases)
  describe.skipIf(skip)(`log of searches on ${name}`, () => {
    let api: Api;
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let server: Postgres | undefined;
    let staff: string;
    let guests: string;
    let redFace: { id: string; identity: { id: string } };
    let guest: { id: string; identity: { id: string } };
    let searcher: string;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      if (name === 'PostgreSQL') server = await startPostgres();
      api = await openApi(fakeEngine(), {
        directory: directory.path,
        url: await server?.database(),
      });
      staff = await createGallery(api, 'staff');
      guests = await createGallery(api, 'guests');
      redFace = await enrolNew(api, staff, 'Red', picture(red));
      guest = await enrolNew(api, guests, 'Green', picture(green));
      searcher = await boundKey(api, [staff, guests], 'verify', 'identify', 'embed');
    });

    afterAll(async () => {
      await api?.close();
      await server?.stop();
      await directory.remove();
    });

    // biome-ignore lint/suspicious/noExplicitAny: an answer
    const events = async (variables: object = {}, key = api.admin): Promise<any> => {
      await api.searchLog.flush();
      const { data, errors } = await api.run(EVENTS, { key, variables: { ...variables } });
      return data?.searchEvents ?? errors;
    };

    it('has every kind of search, and nothing of those that compared nothing', async () => {
      const galleries = [{ id: staff }, { id: guests }];
      const files = { 'image.file': picture(red, blue) };
      const run = (query: string, options: object) => api.run(query, { key: searcher, ...options });
      await run(IDENTIFY, { files, variables: { galleries } });
      await run(IDENTIFY, { files: { 'image.file': picture() }, variables: { galleries } });
      await run(IDENTIFY, { files, variables: { galleries: [{ name: 'none' }] } });
      await run(VERIFY, {
        files: { 'a.file': picture(red) },
        variables: { b: { identity: redFace.identity.id } },
      });
      await run(VERIFY, { files: { 'a.file': picture(red), 'b.file': picture(blue, red) } });
      await run(`query ($face: ID!) { similarFaces(face: $face) { __typename } }`, {
        variables: { face: redFace.id },
      });
      await run(
        `query ($embedding: [Float!]!, $gallery: GalleryBy) { searchByEmbedding(embedding: $embedding, gallery: $gallery) { __typename } }`,
        { variables: { embedding: [0, 1, 0], gallery: { id: guests } } },
      );
      const { totalCount, edges } = await events();
      expect(totalCount).toBe(5);
      // biome-ignore lint/suspicious/noExplicitAny: an answer
      const [byEmbedding, similar, pair, person, identified] = edges.map((edge: any) => edge.node);
      const hash = expect.stringMatching(/^[0-9a-f]{64}$/);
      expect(identified).toMatchObject({
        kind: 'IDENTIFY',
        galleryIds: [staff, guests],
        model: 'facenet-vggface2',
        threshold: 0.1,
        imageHashes: [hash],
        faces: [
          { index: 0, identityId: redFace.identity.id, distance: expect.any(Number), match: true },
          { index: 1, identityId: expect.any(String), distance: expect.any(Number), match: false },
        ],
      });
      expect(identified.faces[0].distance).toBeLessThan(1e-6);
      expect(person).toMatchObject({
        kind: 'VERIFY',
        galleryIds: [staff],
        imageHashes: [hash],
        faces: [{ identityId: redFace.identity.id, match: true }],
      });
      expect(pair).toMatchObject({
        kind: 'VERIFY',
        galleryIds: [],
        imageHashes: [hash, hash],
        faces: [{ identityId: null, match: true }],
      });
      expect(similar).toMatchObject({
        kind: 'SIMILAR_FACES',
        galleryIds: [staff],
        threshold: null,
        faces: [{ identityId: null, distance: null, match: false }],
      });
      expect(byEmbedding).toMatchObject({
        kind: 'SEARCH_BY_EMBEDDING',
        imageHashes: [],
        faces: [{ identityId: guest.identity.id, match: false }],
      });
      expect(new Set(edges.map((edge: { node: { keyId: string } }) => edge.node.keyId)).size).toBe(
        1,
      );
    });

    it('is filtered and paged', async () => {
      const total = async (filter: object) => (await events(filter)).totalCount;
      const all = await events();
      const { keyId, at } = all.edges[0].node;
      expect(await total({ key: keyId })).toBe(5);
      expect(await total({ key: Buffer.from('ApiKey:other').toString('base64') })).toBe(0);
      expect(await total({ gallery: guests })).toBe(2);
      expect(await total({ identity: redFace.identity.id })).toBe(2);
      expect(await total({ kind: 'VERIFY', gallery: staff })).toBe(1);
      expect(await total({ from: at })).toBeLessThan(5);
      expect((await total({ from: at })) + (await total({ to: at }))).toBe(5);
      const first = await events({ first: 2 });
      expect(first.edges).toEqual(all.edges.slice(0, 2));
      expect(first.pageInfo.hasNextPage).toBe(true);
      const rest = await events({ first: 10, after: first.pageInfo.endCursor });
      expect(rest.edges).toEqual(all.edges.slice(2));
      expect((await events({ key: staff }))[0].message).toBe('key is the id of a Gallery');
      const bad = await events({ from: '31.1.2026' });
      expect(bad[0].message).toContain('DateTime is ISO 8601');
    });

    it('shows a bound key only its galleries and the people of those', async () => {
      const key = await boundKey(api, [guests], 'audit');
      const { totalCount, edges } = await events({}, key);
      expect(totalCount).toBe(2);
      // biome-ignore lint/suspicious/noExplicitAny: an answer
      const [byEmbedding, identified] = edges.map((edge: any) => edge.node);
      expect(byEmbedding.faces[0].identityId).toBe(guest.identity.id);
      expect(identified.galleryIds).toEqual([guests]);
      expect(identified.faces[0].identityId).toBeNull();
      expect((await events({ identity: redFace.identity.id }, key)).totalCount).toBe(0);
      expect((await events({ gallery: staff }, key)).totalCount).toBe(0);
    });

    it('forgets whom it found, of searches that are not written yet too', async () => {
      const db = api.database.client;
      const id = rowId(redFace.identity.id);
      await db.identity.delete({ where: { id } });
      expect(await blankIdentities(db, [id])).toBe(3);
      const { keyId, galleryIds } = await db.searchEvent.findFirstOrThrow();
      api.searchLog.record({
        ...identification,
        keyId,
        galleryIds,
        faces: [{ identityId: id, galleryId: galleryIds[0], distance: 0.01, match: true }],
      });
      const { totalCount, edges } = await events();
      expect(totalCount).toBe(6);
      expect(JSON.stringify(edges)).not.toContain(redFace.identity.id);
      expect(JSON.stringify(await db.searchedFace.findMany())).not.toContain(id);
      expect(edges[0].node.faces).toEqual([
        { index: 0, identityId: null, distance: 0.01, match: true },
      ]);
    });

    it.skipIf(name === 'PGlite')('waits for an erasure that is under way', async () => {
      const db = api.database.client;
      const id = rowId(guest.identity.id);
      const log = createSearchLog(db, () => undefined, { delayMs: 1e6 });
      const faces = [{ ...identification.faces[0], identityId: id }];
      log.record({ ...identification, model: 'late', faces });
      await db.$transaction(async (tx) => {
        await tx.identity.delete({ where: { id } });
        await blankIdentities(tx, [id]);
        await expect(log.flush()).rejects.toThrow();
        expect(log.pending).toBe(1);
      });
      await log.flush();
      const late = await db.searchEvent.findMany({
        where: { model: 'late' },
        include: { faces: true },
      });
      expect(late.map((event) => event.faces[0].identityId)).toEqual([null]);
    });

    it('is needed for an answer', async () => {
      const full = new FacegraphError('EngineBusy', 'full');
      const record = vi.spyOn(api.searchLog, 'record').mockImplementation(() => {
        throw full;
      });
      const files = { 'image.file': picture(red) };
      const { data } = await api.run(IDENTIFY, {
        files,
        variables: { galleries: [{ id: staff }] },
      });
      expect(data.identify.__typename).toBe('EngineBusy');
      record.mockRestore();
    });

    it('is written once, however often it has to be tried', async () => {
      const db = api.database.client;
      const { keyId } = await db.searchEvent.findFirstOrThrow();
      const search = { ...identification, keyId, model: 'retried' };
      let broken = 2;
      const failures: unknown[] = [];
      // The second attempt is committed, but its answer is lost.
      const flaky = {
        $transaction: async (work: Parameters<PrismaClient['$transaction']>[0]) => {
          broken--;
          if (broken === 1) throw new Error('no connection');
          await (db.$transaction as (w: typeof work) => Promise<unknown>)(work);
          if (broken === 0) throw new Error('connection lost');
        },
      } as unknown as PrismaClient;
      const log = createSearchLog(flaky, (error) => failures.push(error), {
        capacity: 3,
        delayMs: 1,
        retryMs: 20,
      });
      for (let i = 0; i < 3; i++) log.record(search);
      expect(() => log.record(search)).toThrow('the log of searches cannot be written');
      await expect.poll(() => log.pending).toBe(0);
      expect(log.failures).toBe(2);
      expect(failures.map(String)).toEqual(['Error: no connection', 'Error: connection lost']);
      expect(await db.searchEvent.count({ where: { model: 'retried' } })).toBe(3);
      log.record({ ...search, model: 'at shutdown' });
      await log.close();
      expect(await db.searchEvent.count({ where: { model: 'at shutdown' } })).toBe(1);
    });

    it('says how many searches a shutdown could not write', async () => {
      const failures: unknown[] = [];
      const log = createSearchLog(
        { $transaction: () => Promise.reject(new Error('gone')) } as unknown as PrismaClient,
        (error) => failures.push(error),
      );
      log.record(identification);
      await log.close();
      expect(failures.map(String)).toEqual(['Error: 1 searches could not be logged']);
      expect(log.failures).toBe(1);
    });
  });
