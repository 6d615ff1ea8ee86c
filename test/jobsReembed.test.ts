import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_QUEUE } from '../src/engine/fairQueue.ts';
import { closeDecoder, setUpDecoder } from '../src/engine/image/decode.ts';
import { expire } from '../src/faces/jobs/expire.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';

const { red, green, blue } = PEOPLE;
const OLD = 'facenet-vggface2';
const NEW = 'resnet50-vggface2';
const DAY = 86_400_000;

const REEMBED = `mutation ($gallery: String!, $model: String!, $drop: Boolean! = false) {
  reembed(gallery: { name: $gallery }, model: $model, dropFacesWithoutImage: $drop) {
    __typename ... on Job { id } ... on Failure { message }
  }
}`;
const IDENTIFY = `query ($image: ImageInput!, $gallery: String!) {
  identify(image: $image, gallery: { name: $gallery }) {
    ... on Identification { model faces { match { distance identity { name } } } }
  }
}`;

afterAll(closeDecoder);

const databases = [
  { name: 'PGlite', skip: false },
  { name: 'PostgreSQL', skip: POSTGRES_BIN === undefined },
];

for (const { name, skip } of databases)
  describe.skipIf(skip)(`stored photographs on ${name}${skip ? ' (not installed)' : ''}`, () => {
    let engine: FakeEngine;
    let api: Api;
    let server: Postgres | undefined;
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    /** Waited for before anything is embedded by the new model. */
    let gate: Promise<void> | undefined;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      if (name === 'PostgreSQL') server = await startPostgres();
      engine = fakeEngine();
      const { embedder } = engine;
      engine.embedder = async (model) => {
        const found = await embedder(model);
        const embed: typeof found.embed = async (image, faces) => {
          if (model === NEW) await gate;
          return found.embed(image, faces);
        };
        return { ...found, embed };
      };
      const url = await server?.database();
      api = await openApi(engine, { directory: directory.path, url, jobs: { leaseMs: 1500 } });
    });

    afterAll(async () => {
      await api?.close();
      await server?.stop();
      await directory.remove();
    });

    const gallery = async (called: string, keepImages = true): Promise<string> => {
      const create = `mutation ($name: String!, $keep: Boolean!) {
        createGallery(name: $name, keepImages: $keep, threshold: 0.05) { ... on Gallery { id keepImages } } }`;
      const { data } = await api.run(create, { variables: { name: called, keep: keepImages } });
      expect(data.createGallery.keepImages).toBe(keepImages);
      return data.createGallery.id;
    };
    const enrol = async (into: string, who: string, image: Uint8Array<ArrayBuffer>, face = 0) => {
      const query = `mutation ($image: ImageInput!, $face: Int, $name: String!, $gallery: String!) {
        enrolFace(image: $image, face: $face, identity: { new: { name: $name, gallery: { name: $gallery } } }) {
          ... on Face { id identity { id } } ... on Failure { message } } }`;
      const variables = { name: who, gallery: into, face };
      const { data } = await api.run(query, { variables, files: { 'image.file': image } });
      return data.enrolFace as { id: string; identity: { id: string } };
    };
    const identify = async (from: string, image: Uint8Array<ArrayBuffer>) => {
      const options = { variables: { gallery: from }, files: { 'image.file': image } };
      const { model, faces } = (await api.run(IDENTIFY, options)).data.identify;
      return [model, faces[0].match?.identity.name];
    };
    const reembed = async (which: string, more: object = {}) =>
      (await api.run(REEMBED, { variables: { gallery: which, model: NEW, ...more } })).data.reembed;
    const row = (called: string) =>
      api.database.client.gallery.findUniqueOrThrow({ where: { name: called } });
    const images = async (of: string) =>
      api.database.client.storedImage.count({ where: { gallery: { name: of } } });
    const embeddings = async (of: string) => {
      const rows = await api.database.client.embedding.findMany({
        where: { face: { gallery: { name: of } } },
      });
      return rows.map(({ model }) => model).sort();
    };
    const job = async (id: string) =>
      (await api.run(`{ job(id: "${id}") { state total done refused error finishedAt } }`)).data
        .job;
    const ended = async (id: string) => {
      await expect
        .poll(async () => (await job(id)).finishedAt, { timeout: 20_000, interval: 20 })
        .not.toBeNull();
      return job(id);
    };
    const held = () => {
      let release = () => {};
      gate = new Promise((resolve) => {
        release = resolve;
      });
      return () => release();
    };

    it('are kept where the gallery says so, once, and go with their last face', async () => {
      await gallery('none', false);
      await enrol('none', 'Red', picture(red));
      expect(await images('none')).toBe(0);

      const id = await gallery('kept');
      const both = picture(red, blue);
      const one = await enrol('kept', 'Red', both, 0);
      const two = await enrol('kept', 'Blue', both, 1);
      await enrol('kept', 'Green', picture(green));
      expect(await images('kept')).toBe(2);
      const stored = await api.database.client.storedImage.findFirstOrThrow({
        where: { bytes: both },
      });
      expect(stored.mediaType).toBe('image/png');
      await api.run(`mutation { deleteFace(id: "${one.id}") { __typename } }`);
      expect(await images('kept')).toBe(2);
      await api.run(`mutation { deleteIdentity(id: "${two.identity.id}") { __typename } }`);
      expect(await images('kept')).toBe(1);

      const keep = (value: boolean) =>
        api.run(`mutation { updateGallery(id: "${id}", keepImages: ${value}) {
          ... on Gallery { keepImages } } }`);
      expect((await keep(false)).data.updateGallery.keepImages).toBe(false);
      expect(await images('kept')).toBe(0);
    });

    it('embed a gallery anew, which serves the old model until the change', async () => {
      await gallery('moving');
      for (const [who, colour] of [
        ['Red', red],
        ['Green', green],
      ] as const)
        await enrol('moving', who, picture(colour));
      const release = held();
      const { id } = await reembed('moving');
      await expect.poll(async () => (await job(id)).state).toBe('RUNNING');
      expect(await identify('moving', picture(red))).toEqual([OLD, 'Red']);
      // Somebody who comes meanwhile, by the old model, is taken along.
      await enrol('moving', 'Blue', picture(blue));
      expect(await reembed('moving')).toMatchObject({ __typename: 'InvalidInput' });
      release();
      expect(await ended(id)).toMatchObject({ state: 'DONE', done: 3, refused: 0, error: null });
      expect(await row('moving')).toMatchObject({ model: NEW, threshold: null });
      expect(await embeddings('moving')).toEqual([NEW, NEW, NEW]);
      for (const [who, colour] of [
        ['Red', red],
        ['Green', green],
        ['Blue', blue],
      ] as const)
        expect(await identify('moving', picture(colour))).toEqual([NEW, who]);
      // Templates are of the new model too: its embeddings are longer.
      const people = await api.database.client.identity.findMany({
        where: { gallery: { name: 'moving' } },
      });
      expect(people.map(({ template }) => template?.length)).toEqual([16, 16, 16]);
      expect(await reembed('moving')).toMatchObject({ __typename: 'InvalidInput' });
    });

    it('are embedded though the server takes none of their size any more', async () => {
      await gallery('large');
      await enrol('large', 'Red', picture(red));
      const images = { maxBytes: picture(red).length - 1, maxPixels: 1 };
      setUpDecoder({ images, limits: DEFAULT_QUEUE });
      try {
        const { id } = await reembed('large');
        expect(await ended(id)).toMatchObject({ state: 'DONE', done: 1, refused: 0 });
      } finally {
        setUpDecoder({ limits: DEFAULT_QUEUE });
      }
      expect(await identify('large', picture(red))).toEqual([NEW, 'Red']);
    });

    it('are asked for before the work begins, or the faces without are dropped', async () => {
      const id = await gallery('mixed', false);
      await enrol('mixed', 'Red', picture(red));
      await api.run(`mutation { updateGallery(id: "${id}", keepImages: true) { __typename } }`);
      await enrol('mixed', 'Green', picture(green));
      expect(await reembed('mixed')).toEqual({
        __typename: 'ImagesMissing',
        message: '1 face has no usable stored photograph',
      });
      const made = await reembed('mixed', { drop: true });
      expect(await ended(made.id)).toMatchObject({ state: 'DONE', done: 1, refused: 1 });
      expect(await identify('mixed', picture(green))).toEqual([NEW, 'Green']);
      expect(await identify('mixed', picture(red))).toEqual([NEW, undefined]);
      expect(api.indexes.size((await row('mixed')).id)).toBe(1);
    });

    it('that are lost or broken meanwhile fail the job and change nothing', async () => {
      await gallery('lost');
      await enrol('lost', 'Red', picture(red));
      await enrol('lost', 'Green', picture(green));
      await api.database.client.storedImage.updateMany({
        where: { gallery: { name: 'lost' }, bytes: picture(red) },
        data: { bytes: Buffer.from('no picture') },
      });
      const { id } = await reembed('lost');
      expect(await ended(id)).toMatchObject({
        state: 'FAILED',
        error: '1 face has no usable stored photograph',
      });
      expect(String(api.complaints.splice(0))).toContain('not an image');
      expect(await embeddings('lost')).toEqual([OLD, OLD]);
      expect(await identify('lost', picture(red))).toEqual([OLD, 'Red']);
    });

    it('leave nothing of the new model behind when the job is cancelled', async () => {
      await gallery('stopped');
      for (const colour of [red, green, blue]) await enrol('stopped', 'X', picture(colour));
      const release = held();
      const { id } = await reembed('stopped');
      await expect.poll(async () => (await job(id)).state).toBe('RUNNING');
      const [face] = await api.database.client.face.findMany({
        where: { gallery: { name: 'stopped' } },
      });
      await api.database.client.embedding.create({
        data: { faceId: face.id, model: NEW, vector: new Uint8Array(16) },
      });
      await api.run(`mutation { cancelJob(id: "${id}") { __typename } }`);
      release();
      expect(await embeddings('stopped')).toEqual([OLD, OLD, OLD]);
      // Time for what was in hand, which must come to nothing.
      await sleep(500);
      expect(await job(id)).toMatchObject({ state: 'CANCELLED', done: 0 });
      expect(await embeddings('stopped')).toEqual([OLD, OLD, OLD]);
    });

    it('and faces go when the retention of the gallery is over', async () => {
      const id = await gallery('brief');
      const old = await enrol('brief', 'Red', picture(red));
      await enrol('brief', 'Green', picture(green));
      const days = (value: number | string) =>
        api.run(`mutation { updateGallery(id: "${id}", retentionDays: ${value}) {
          __typename ... on Gallery { retentionDays } } }`);
      expect((await days(30)).data.updateGallery.retentionDays).toBe(30);
      expect((await days('null')).data.updateGallery.retentionDays).toBeNull();
      await days(30);
      await api.run(`mutation { updateGallery(id: "${id}", threshold: 0.3) { __typename } }`);
      expect(await row('brief')).toMatchObject({ retentionDays: 30, threshold: 0.3 });
      expect((await days(0)).data.updateGallery.__typename).toBe('InvalidInput');
      const local = Buffer.from(old.id, 'base64').toString().split(':')[1];
      const { client: db } = api.database;
      await db.face.update({
        where: { id: local },
        data: { createdAt: new Date(Date.now() - 31 * DAY) },
      });
      await expire({ db, indexes: api.indexes });
      expect(await identify('brief', picture(red))).toEqual([OLD, undefined]);
      expect(await identify('brief', picture(green))).toEqual([OLD, 'Green']);
      expect(await images('brief')).toBe(1);
      const { version } = await row('brief');
      await expire({ db, indexes: api.indexes });
      expect((await row('brief')).version).toBe(version);
    });

    it('and jobs are forgotten long after their end, or when they were cut off', async () => {
      const { client: db } = api.database;
      const { id: galleryId } = await row('brief');
      const common = { kind: 'ENROL', galleryId, keyId: 'x', input: {} } as const;
      const ago = (days: number) => new Date(Date.now() - days * DAY);
      const made = [
        { ...common, state: 'RECEIVING', leaseUntil: ago(1) },
        { ...common, state: 'DONE', finishedAt: ago(31) },
        { ...common, state: 'DONE', finishedAt: ago(29) },
        { ...common, state: 'RECEIVING', leaseUntil: ago(-1) },
      ] as const;
      for (const data of made) await db.job.create({ data });
      await expire({ db, indexes: api.indexes });
      const left = await db.job.findMany({ where: { galleryId }, orderBy: { id: 'asc' } });
      expect(left.map(({ state }) => state)).toEqual(['DONE', 'RECEIVING']);
    });
  });
