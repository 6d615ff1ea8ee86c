import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MAX_STREAMS } from '../src/api/operation/streams.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { FacegraphError } from '../src/errors.ts';
import { enrolInBulk } from '../src/faces/jobs/bulk.ts';
import { cancelJob, findJob, followJob } from '../src/faces/jobs/jobs.ts';
import { createKey } from '../src/faces/keys.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';
import { zip } from './support/zipFixture.ts';

const { red, green, blue } = PEOPLE;

const JOB = 'id kind state total done refused secondsLeft error finishedAt gallery { name }';
// Most pictures here differ by so little that they would count as one.
const BULK = `mutation ($gallery: String!, $source: BulkSource!, $allowSimilar: Boolean! = true, $unknown: Boolean! = false, $once: String) {
  enrolInBulk(gallery: { name: $gallery }, source: $source, allowSimilar: $allowSimilar, unknown: $unknown, idempotencyKey: $once) {
    __typename ... on Job { ${JOB} } ... on Failure { message }
  }
}`;
const ITEMS = `query ($id: ID!, $state: JobItemState, $first: Int, $after: String) {
  job(id: $id) { ${JOB} items(state: $state, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { position name state code message faceId } }
  } }
}`;
const PROGRESS = `subscription ($id: ID!) { jobProgress(id: $id) { state total done refused } }`;
const CANCEL = `mutation ($id: ID!) {
  cancelJob(id: $id) { __typename ... on Job { state } ... on Failure { message } }
}`;

/** Photographs of people who are told apart by nothing but the file. */
const photograph = (i: number) => picture([220, 30 + (i % 90), 30 + Math.floor(i / 90)]);
const many = (count: number, name = (i: number) => `P${i % 7}`) =>
  zip(
    Array.from({ length: count }, (_, i) => ({ path: `${name(i)}/${i}.png`, data: photograph(i) })),
  );

/** An engine that can be held at its work. */
function heldEngine(): FakeEngine & { hold(): () => void } {
  const engine = fakeEngine();
  let gate: Promise<void> | undefined;
  return Object.assign(engine, {
    detect: ((detect) => async (image: Parameters<typeof detect>[0]) => {
      await gate;
      return detect(image);
    })(engine.detect.bind(engine)),
    hold() {
      let release = () => {};
      gate = new Promise((resolve) => {
        release = () => {
          gate = undefined;
          resolve();
        };
      });
      return release;
    },
  });
}

afterAll(closeDecoder);

const databases = [
  { name: 'PGlite', skip: false },
  { name: 'PostgreSQL', skip: POSTGRES_BIN === undefined },
];

for (const { name, skip } of databases)
  describe.skipIf(skip)(`jobs on ${name}${skip ? ' (PostgreSQL is not installed)' : ''}`, () => {
    const engine = heldEngine();
    let api: Api;
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let server: Postgres | undefined;
    let url: string | undefined;
    let open: () => Promise<Api>;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      const importDirectory = join(directory.path, 'import');
      await mkdir(join(importDirectory, 'crew/Ada'), { recursive: true });
      await writeFile(join(importDirectory, 'crew/Ada/1.png'), picture(red));
      await writeFile(join(importDirectory, 'crew/Bob (1).png'), picture(blue));
      await writeFile(join(importDirectory, 'crew/Bob (2).png'), 'no picture');
      if (name === 'PostgreSQL') {
        server = await startPostgres();
        url = await server.database();
      }
      open = () =>
        openApi(engine, {
          directory: directory.path,
          url,
          jobs: { importDirectory, leaseMs: 1500 },
        });
      api = await open();
    });

    afterAll(async () => {
      await api?.close();
      await server?.stop();
      await directory.remove();
    });

    const gallery = async (called: string) => {
      const create = `mutation ($name: String!) { createGallery(name: $name) { ... on Gallery { id } } }`;
      return (await api.run(create, { variables: { name: called } })).data.createGallery.id;
    };
    const bulk = async (
      into: string,
      source: object,
      files: Record<string, Uint8Array<ArrayBuffer>> = {},
      options: object = {},
    ) => {
      const variables = { gallery: into, source, ...options };
      const answer = await api.run(BULK, {
        variables,
        files: Object.keys(files).length > 0 ? files : undefined,
      });
      expect(answer.errors).toBeUndefined();
      return answer.data.enrolInBulk;
    };
    const archive = (into: string, file: Uint8Array<ArrayBuffer>, options: object = {}) =>
      bulk(into, {}, { 'source.archive': file }, options);
    const look = async (id: string, more: object = {}, key?: string) =>
      (await api.run(ITEMS, { variables: { id, ...more }, key })).data.job;
    const ended = async (id: string) => {
      await expect
        .poll(async () => (await look(id)).finishedAt, { timeout: 20_000, interval: 20 })
        .not.toBeNull();
      return look(id);
    };
    const people = async (into: string) => {
      const rows = await api.database.client.identity.findMany({
        where: { gallery: { name: into } },
        include: { _count: { select: { faces: true } } },
        orderBy: { name: 'asc' },
      });
      return rows.map((row) => [row.name, row.externalId, row._count.faces]);
    };
    const idOf = async (called: string) =>
      (await api.database.client.gallery.findUniqueOrThrow({ where: { name: called } })).id;
    const payloads = () => api.database.client.jobItem.count({ where: { payload: { not: null } } });

    it('enrol an archive by folders, with the reason of each refusal', async () => {
      await gallery('folders');
      const file = zip([
        { path: 'Ada/1.png', data: picture(red) },
        { path: 'Ada/2.png', data: photograph(1) },
        { path: 'Bob/none.png', data: picture() },
        { path: 'Bob/two.png', data: picture(red, blue) },
        { path: 'Bob/text.jpg', data: Buffer.from('no picture') },
        { path: 'Bob/again.png', data: picture(red) },
        { path: `${'x'.repeat(201)}/long.png`, data: picture(green) },
        { path: 'Cy (1).png', data: picture(green) },
        { path: 'read.me', data: Buffer.from('hello') },
      ]);
      const made = await archive('folders', file);
      expect(made).toMatchObject({
        __typename: 'Job',
        kind: 'ENROL',
        total: 8,
        refused: 1,
        gallery: { name: 'folders' },
      });
      const job = await ended(made.id);
      expect(job).toMatchObject({ state: 'DONE', total: 8, done: 3, refused: 5, error: null });
      const refused = await look(made.id, { state: 'REFUSED' });
      expect(
        refused.items.edges.map(({ node }: { node: { name: string; code: string } }) => [
          node.name.slice(-12),
          node.code,
        ]),
      ).toEqual([
        ['Bob/none.png', 'NoFaceFound'],
        ['Bob/two.png', 'MultipleFacesFound'],
        ['Bob/text.jpg', 'UnsupportedImage'],
        ['ob/again.png', 'DuplicateFace'],
        ['xxx/long.png', 'InvalidInput'],
      ]);
      expect(refused.items.totalCount).toBe(5);
      const enrolled = await look(made.id, { state: 'DONE', first: 2 });
      expect(enrolled.items).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } });
      const rest = await look(made.id, {
        state: 'DONE',
        after: enrolled.items.pageInfo.endCursor,
      });
      const { faceId } = rest.items.edges[0].node;
      const face = await api.run(
        '{ node(id: "ID") { ... on Face { identity { name } } } }'.replace('ID', faceId),
      );
      expect(face.data.node.identity.name).toBe('Cy');
      expect(await people('folders')).toEqual([
        ['Ada', null, 2],
        ['Cy', null, 1],
      ]);
      expect(await payloads()).toBe(0);
      expect(api.indexes.size(await idOf('folders'))).toBe(3);
    });

    it('refuse what is all but the same, of one job too, and name the face that is there', async () => {
      await gallery('alike');
      const alike = { allowSimilar: false };
      const file = zip([
        { path: 'Ada/1.png', data: photograph(1) },
        { path: 'Ada/2.png', data: photograph(2) },
        { path: 'Bob/1.png', data: picture(blue) },
      ]);
      const { id } = await archive('alike', file, alike);
      expect(await ended(id)).toMatchObject({ done: 2, refused: 1 });
      const { items } = await look(id);
      const [first, second] = items.edges.map(({ node }: { node: object }) => node);
      expect(second).toMatchObject({ code: 'DuplicateFace', faceId: first.faceId });
      const again = zip([{ path: 'Cy/3.png', data: photograph(3) }]);
      expect(await ended((await archive('alike', again, alike)).id)).toMatchObject({ refused: 1 });
      expect(await ended((await archive('alike', again)).id)).toMatchObject({ done: 1 });
    });

    it('store every face of nobody known, out of which people are proposed job by job', async () => {
      await gallery('crowds');
      const crowd = (...pictures: Uint8Array<ArrayBuffer>[]) =>
        archive('crowds', zip(pictures.map((data, i) => ({ path: `Ada/${i}.png`, data }))), {
          unknown: true,
        });
      const one = await crowd(
        picture(red, green),
        picture([204, 60, 60]),
        picture(),
        picture(blue),
      );
      expect(await ended(one.id)).toMatchObject({ done: 3, refused: 1 });
      const two = await crowd(picture([198, 62, 61]), picture(red, green));
      expect(await ended(two.id)).toMatchObject({ done: 1, refused: 1 });
      expect(await people('crowds')).toEqual([]);
      const cluster = async (of: string) =>
        (
          await api.run(`{ cluster(${of}, minSize: 2, threshold: 0.02) {
            __typename ... on Clusters { considered clusters { faces { id } } } ... on Failure { message } } }`)
        ).data.cluster;
      const sizes = ({
        considered,
        clusters,
      }: {
        considered: number;
        clusters: { faces: [] }[];
      }) => [considered, clusters.map(({ faces }) => faces.length)];
      expect(sizes(await cluster(`job: "${one.id}"`))).toEqual([4, [2]]);
      expect(sizes(await cluster(`job: "${two.id}"`))).toEqual([1, []]);
      expect(sizes(await cluster('gallery: { name: "crowds" }'))).toEqual([5, [3]]);
      const both = `job: "${one.id}", gallery: { name: "crowds" }`;
      expect((await cluster(both)).__typename).toBe('InvalidInput');
      expect((await cluster(`job: "${globalId('Job:x')}"`)).__typename).toBe('JobNotFound');
      expect(api.indexes.size(await idOf('crowds'))).toBe(0);
    });

    it('are made once for an idempotency key, also when asked for twice at once', async () => {
      await gallery('once');
      const file = many(3);
      const ask = (data = file) => archive('once', data, { once: 'bulk 1' });
      const [first, second] = await Promise.all([ask(), ask()]);
      expect(first.id).toBe(second.id);
      await ended(first.id);
      expect((await ask()).id).toBe(first.id);
      expect((await ask(many(4))).__typename).toBe('IdempotencyKeyReused');
      expect(await api.database.client.job.count({ where: { gallery: { name: 'once' } } })).toBe(1);
    });

    it('are followed no longer than the key is in force', async () => {
      await gallery('revoked');
      const release = engine.hold();
      const { id } = await archive('revoked', many(3));
      const events = progress(api, id, await api.key('gallery:read'));
      await events.next();
      await api.database.client.apiKey.updateMany({
        where: { scopes: { equals: ['gallery:read'] } },
        data: { revokedAt: new Date() },
      });
      for await (const event of events) expect(event.state).not.toBe('DONE');
      expect((await look(id)).finishedAt).toBeNull();
      release();
      await ended(id);
    });

    it('are followed by so many streams of a key at once', async () => {
      await gallery('streams');
      const release = engine.hold();
      const { id } = await archive('streams', many(3));
      const key = await api.key('gallery:read');
      const open = Array.from({ length: MAX_STREAMS }, () => progress(api, id, key));
      for (const events of open) expect((await events.next()).done).toBe(false);
      await expect(progress(api, id, key).next()).rejects.toThrow('RateLimited');
      const [first, second] = open;
      await first.return(undefined);
      // The server hears a little later that the client went away.
      await vi.waitFor(async () => {
        open[0] = progress(api, id, key);
        expect((await open[0].next()).done).toBe(false);
      });
      await expect(progress(api, id, key).next()).rejects.toThrow('RateLimited');
      expect((await progress(api, id, await api.key('gallery:read')).next()).done).toBe(false);
      release();
      for await (const event of second) expect(event.refused).toBe(0);
      await ended(id);
      // Each has ended with the job, and a stream that is refused a job leaves nothing open.
      const bad = () => progress(api, globalId('Job:none'), key).next();
      await vi.waitFor(() => expect(bad()).rejects.toThrow('JobNotFound'), 5000);
      for (let i = 0; i <= MAX_STREAMS; i++) await expect(bad()).rejects.toThrow('JobNotFound');
    });

    it('find people by external id or name before they make others', async () => {
      await gallery('known');
      const create = `mutation ($name: String!, $externalId: String) { createIdentity(gallery: { name: "known" }, name: $name, externalId: $externalId) { __typename } }`;
      await api.run(create, { variables: { name: 'Ada', externalId: 'a-1' } });
      await api.run(create, { variables: { name: 'Bob' } });
      const base64 = (i: number) => ({ base64: Buffer.from(photograph(i)).toString('base64') });
      const { id } = await bulk('known', {
        uploads: [
          { image: base64(1), externalId: 'a-1', name: 'Somebody' },
          { image: base64(2), name: ' Bob ' },
          { image: base64(3), externalId: 'c-1' },
          { image: base64(4), externalId: 'c-1', name: 'Cy' },
          { image: base64(5) },
          { image: { base64: '?' }, name: 'Dee' },
        ],
      });
      expect(await ended(id)).toMatchObject({ state: 'DONE', done: 4, refused: 2 });
      expect(await people('known')).toEqual([
        ['Ada', 'a-1', 1],
        ['Bob', null, 1],
        ['c-1', 'c-1', 2],
      ]);
    });

    it('take uploads of a multipart request', async () => {
      await gallery('multipart');
      const uploads = [
        { image: {}, name: 'Ada' },
        { image: {}, name: 'Bob' },
      ];
      const { id } = await bulk(
        'multipart',
        { uploads },
        {
          'source.uploads.0.image.file': picture(red),
          'source.uploads.1.image.file': picture(blue),
        },
      );
      expect(await ended(id)).toMatchObject({ state: 'DONE', done: 2, refused: 0 });
    });

    it('read a directory of the server', async () => {
      await gallery('directory');
      const { id } = await bulk('directory', { directory: 'crew' });
      expect(await ended(id)).toMatchObject({ state: 'DONE', done: 2, refused: 1 });
      expect(await people('directory')).toEqual([
        ['Ada', null, 1],
        ['Bob', null, 1],
      ]);
    });

    it.each([
      ['a missing gallery', 'none', { directory: 'crew' }, 'GalleryNotFound'],
      ['a directory outside', 'directory', { directory: '..' }, 'InvalidInput'],
      ['no photograph', 'directory', { uploads: [] }, 'InvalidInput'],
      ['a string for an archive', 'directory', { archive: 'x.zip' }, 'InvalidInput'],
    ])('refuse %s by its type, and leave nothing', async (_what, into, source, type) => {
      const before = await api.database.client.job.count();
      expect((await bulk(into, source)).__typename).toBe(type);
      expect(await api.database.client.job.count()).toBe(before);
    });

    it('refuse a broken archive, and leave nothing', async () => {
      const before = await api.database.client.job.count();
      const file = new Uint8Array(many(40).slice(0, 3000));
      expect(await archive('directory', file)).toMatchObject({ __typename: 'InvalidInput' });
      expect(await api.database.client.job.count()).toBe(before);
      expect(await payloads()).toBe(0);
    });

    it('go on after a lost device, and tell nothing of the house', async () => {
      await gallery('errors');
      engine.failure = new FacegraphError('DeviceLost', 'the GPU went away');
      const first = await archive('errors', many(3));
      expect(await ended(first.id)).toMatchObject({ state: 'DONE', done: 3, refused: 0 });
      engine.failure = new Error('secret of the house');
      const second = await archive('errors', zip([{ path: 'A/1.png', data: photograph(50) }]));
      const job = await ended(second.id);
      expect(job.items.edges[0].node).toMatchObject({
        state: 'REFUSED',
        code: 'Unexpected',
        message: 'Unexpected error.',
      });
      expect(String(api.complaints.pop())).toContain('secret of the house');
      expect(api.complaints).toEqual([]);
    });

    it('are followed until they end, by query and by subscription', async () => {
      await gallery('followed');
      const release = engine.hold();
      const { id } = await archive('followed', many(30));
      await expect.poll(async () => (await look(id)).state).toBe('RUNNING');
      const events = progress(api, id);
      expect((await events.next()).value).toMatchObject({ state: 'RUNNING', total: 30, done: 0 });
      expect((await look(id)).secondsLeft).toBeNull();
      release();
      const seen = [];
      for await (const event of events) seen.push(event);
      expect(seen[seen.length - 1]).toEqual({ state: 'DONE', total: 30, done: 30, refused: 0 });
      const done = seen.map((event) => event.done);
      expect(done).toEqual([...done].sort((a, b) => a - b));
      expect((await progress(api, id).next()).value?.state).toBe('DONE');
    });

    it('are not looked at any more when the client goes away', async () => {
      await gallery('left');
      const release = engine.hold();
      const { id } = await archive('left', many(3));
      await expect.poll(async () => (await look(id)).state).toBe('RUNNING');
      const local = Buffer.from(id, 'base64').toString().split(':')[1];
      const access = { db: api.database.client, galleries: null };
      const job = await findJob(access, local);
      const find = vi.spyOn(api.database.client.job, 'findUnique');
      const looks = () => find.mock.calls.filter(([{ where }]) => where.id === local).length;
      const events = progress(api, id);
      expect((await events.next()).value).toMatchObject({ state: 'RUNNING' });
      await expect.poll(looks, { timeout: 5000 }).toBeGreaterThan(1);
      await events.return(undefined);
      await sleep(200);
      const before = looks();
      await sleep(1000);
      expect(looks()).toBe(before);
      // The same without a server between.
      const gone = new AbortController();
      const following = followJob(access, job, gone.signal);
      await following.next();
      const next = following.next();
      gone.abort();
      expect((await next).done).toBe(true);
      find.mockRestore();
      release();
      await ended(id);
    });

    it.each([
      ['cancelled', 'CANCELLED'],
      ['deleted', 'GalleryNotFound'],
    ])('%s while they are received come to nothing', async (what, outcome) => {
      const into = `received ${what}`;
      const galleryId = await gallery(into);
      const { client: db } = api.database;
      const insert = db.job.create.bind(db.job);
      const service = { db, engine, indexes: api.indexes, galleries: null, jobs: api.jobs };
      // Withdrawn as soon as it is there, before its first item comes.
      const create = vi.spyOn(db.job, 'create').mockImplementationOnce(((args: never) =>
        (async () => {
          const job = await insert(args);
          if (what === 'cancelled') await cancelJob(service, (job as { id: string }).id);
          else
            await api.run(
              `mutation { deleteGallery(id: "${galleryId}", confirmName: "${into}") { __typename } }`,
            );
          return job;
        })()) as never);
      const uploads = [{ file: '1.png', name: 'Ada', content: picture(red) }];
      const made = enrolInBulk(service, 'key', { name: into }, { uploads }).then(
        async ({ id }) => (await findJob(service, id)).state,
        ({ code }) => code,
      );
      expect(await made).toBe(outcome);
      create.mockRestore();
      expect(await payloads()).toBe(0);
      expect(await db.job.count({ where: { state: 'RECEIVING' } })).toBe(0);
    });

    it('are cancelled, with what they did, and once', async () => {
      await gallery('cancelled');
      const release = engine.hold();
      const { id } = await archive('cancelled', many(30));
      await expect.poll(async () => (await look(id)).state).toBe('RUNNING');
      const { data } = await api.run(CANCEL, { variables: { id } });
      expect(data.cancelJob).toEqual({ __typename: 'Job', state: 'CANCELLED' });
      release();
      expect(await payloads()).toBe(0);
      await sleep(300);
      const job = await look(id);
      expect(job).toMatchObject({ state: 'CANCELLED', done: 0 });
      expect(await people('cancelled')).toEqual([]);
      const again = await api.run(CANCEL, { variables: { id } });
      expect(again.data.cancelJob.state).toBe('CANCELLED');
      const none = await api.run(CANCEL, { variables: { id: globalId('Job:none') } });
      expect(none.data.cancelJob.__typename).toBe('JobNotFound');
    });

    it('go with their gallery', async () => {
      const into = await gallery('deleted');
      const release = engine.hold();
      const { id } = await archive('deleted', many(10));
      await expect.poll(async () => (await look(id)).state).toBe('RUNNING');
      const events = progress(api, id);
      await events.next();
      await api.run(
        `mutation { deleteGallery(id: "${into}", confirmName: "deleted") { __typename } }`,
      );
      release();
      expect((await events.next()).done).toBe(true);
      expect(await look(id)).toBeNull();
      await sleep(300);
      expect(api.complaints).toEqual([]);
    });

    it('are seen by no key that is bound to other galleries', async () => {
      await gallery('bound');
      await gallery('elsewhere');
      const { id } = await archive('bound', many(2));
      await ended(id);
      const bound = (galleryId: string) =>
        createKey(api.database.client, {
          label: 'bound',
          scopes: ['gallery:read', 'gallery:write'],
          galleries: [galleryId],
        });
      const [theirs, ours] = [
        await bound(await idOf('elsewhere')),
        await bound(await idOf('bound')),
      ];
      const list = '{ jobs { totalCount edges { node { gallery { name } } } } }';
      expect((await api.run(list, { key: theirs })).data.jobs.totalCount).toBe(0);
      expect((await api.run(list, { key: ours })).data.jobs.edges).toHaveLength(1);
      expect(await look(id, {}, theirs)).toBeNull();
      expect(await look(id, {}, ours)).not.toBeNull();
      const node = await api.run(`{ node(id: "${id}") { id } }`, { key: theirs });
      expect(node.data.node).toBeNull();
      const cancel = await api.run(CANCEL, { variables: { id }, key: theirs });
      expect(cancel.data.cancelJob.__typename).toBe('JobNotFound');
      const variables = { gallery: 'bound', source: { directory: 'crew' } };
      const enrol = await api.run(BULK, { variables, key: theirs });
      expect(enrol.data.enrolInBulk.__typename).toBe('GalleryNotFound');
      await expect(progress(api, id, theirs).next()).rejects.toThrow('JobNotFound');
      await expect(progress(api, id, await api.key('detect')).next()).rejects.toThrow('Forbidden');
    });

    it('are listed newest first, and by state', async () => {
      const list = async (more: string) =>
        (await api.run(`{ jobs(first: 3${more}) { edges { node { state createdAt } } } }`)).data
          .jobs.edges;
      const dates = (await list('')).map(
        ({ node }: { node: { createdAt: string } }) => node.createdAt,
      );
      expect(dates).toHaveLength(3);
      expect(dates).toEqual([...dates].sort().reverse());
      expect((await list(', state: CANCELLED')).length).toBe(2);
      const of = globalId(`Gallery:${await idOf('cancelled')}`);
      const { data } = await api.run(
        `{ jobs(gallery: "${of}") { totalCount edges { node { gallery { name } } } } }`,
      );
      expect(data.jobs).toEqual({
        totalCount: 1,
        edges: [{ node: { gallery: { name: 'cancelled' } } }],
      });
    });

    it('wait for the next start and then go on', async () => {
      await gallery('restarted');
      const release = engine.hold();
      const { id } = await archive('restarted', many(30));
      await expect.poll(async () => (await look(id)).state).toBe('RUNNING');
      const events = progress(api, id);
      await events.next();
      const closing = api.jobs.stop();
      // Whoever follows a job is let go at once, the job after its items in hand.
      for await (const event of events) expect(event.state).toBe('RUNNING');
      release();
      await closing;
      const stopped = await look(id);
      expect(stopped.state).toBe('QUEUED');
      expect(stopped.done).toBeGreaterThan(0);
      expect(stopped.done).toBeLessThan(30);
      await api.close();
      api = await open();
      expect(await ended(id)).toMatchObject({ state: 'DONE', done: 30, refused: 0 });
      const faces = (await people('restarted')).map(([, , count]) => count as number);
      expect(faces.reduce((a, b) => a + b)).toBe(30);
      expect(faces).toHaveLength(7);
      expect(await payloads()).toBe(0);
    });

    it('that break off again and again are given up', async () => {
      await gallery('poisoned');
      const release = engine.hold();
      const { id } = await archive('poisoned', many(4));
      await expect.poll(async () => (await look(id)).state).toBe('RUNNING');
      const local = Buffer.from(id, 'base64').toString().split(':')[1];
      // As if the process that held it had been killed three times.
      await api.database.client.job.update({
        where: { id: local },
        data: { attempts: 2, leaseUntil: new Date(0), lease: 'a process that was killed' },
      });
      const job = await ended(id);
      release();
      expect(job).toMatchObject({ state: 'FAILED', done: 0 });
      expect(job.error).toMatch(/broken off 3 times/);
      expect(await payloads()).toBe(0);
    });
  });

interface Event {
  state: string;
  total: number;
  done: number;
  refused: number;
}

/** The events of `jobProgress` as they come. @throws the code of an error. */
async function* progress(api: Api, id: string, key = api.admin): AsyncGenerator<Event, undefined> {
  const response = await api.fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      'x-api-key': key,
    },
    body: JSON.stringify({ query: PROGRESS, variables: { id } }),
  });
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const messages = text.split('\n\n');
    text = messages.pop()!;
    for (const message of messages) {
      const data = message.match(/^data: ?(.+)$/m)?.[1];
      if (!data) continue;
      const { data: event, errors } = JSON.parse(data);
      if (errors) throw new Error(errors[0].extensions?.code ?? errors[0].message);
      yield event.jobProgress;
    }
  }
}

function globalId(text: string): string {
  return Buffer.from(text).toString('base64');
}
