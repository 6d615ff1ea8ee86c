import { createHash } from 'node:crypto';
import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { manifests } from '../src/engine/weights/manifest.ts';
import { currentModel, modelId, modelOf } from '../src/engine/weights/revision.ts';
import { exportBundle } from '../src/faces/bundle/exportBundle.ts';
import { importBundle } from '../src/faces/bundle/importBundle.ts';
import { canonicalJson } from '../src/faces/canonicalJson.ts';
import { migrate } from '../src/faces/database/migrate.ts';
import type { Service } from '../src/faces/gallery/galleries.ts';
import { archive, partsOf, summed } from './api/bundles.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { MIGRATIONS } from './api/schemaEngine.ts';

const MODEL = 'facenet-vggface2';
const PAST = `${MODEL}@1`;
const MIGRATION = '20261125120000_model_revision';

/**
 * What each model is fed with in its revision. When this fails, embeddings of before and after cannot
 * be compared: raise the revision, add a migration like the one below, and only then change this.
 */
const FED = {
  'facenet-vggface2@2': 'be368ceb4a494a32',
  'resnet50-vggface2@1': '65849887cebaffe2',
  'senet50-vggface2@1': '7ea07b51d9456618',
};

describe('the revision of a model', () => {
  it('changes with everything between a photograph and the network', () => {
    const fed = manifests()
      .filter(({ kind }) => kind === 'embedder')
      .map(({ name, revision, crop, input, network }) => {
        const hash = createHash('sha256').update(canonicalJson({ crop, input, network }));
        return [`${name}@${revision}`, hash.digest('hex').slice(0, 16)];
      });
    expect(Object.fromEntries(fed)).toEqual(FED);
  });

  it('is part of what embeddings are by, unless it is the one of now', () => {
    expect(modelId(MODEL, 2)).toBe(MODEL);
    expect(modelId(MODEL, 1)).toBe(PAST);
    expect(modelId(MODEL, 3)).toBe(`${MODEL}@3`);
    for (const revision of [1, 2, 3])
      expect(modelOf(modelId(MODEL, revision))).toMatchObject({ revision, model: { name: MODEL } });
    expect(currentModel(MODEL).name).toBe(MODEL);
    expect(currentModel(`${MODEL}@2`).name).toBe(MODEL);
    for (const id of [PAST, `${MODEL}@3`])
      expect(() => currentModel(id)).toThrow(expect.objectContaining({ code: 'ModelMismatch' }));
    for (const id of ['x', 'x@1', `${MODEL}@0`, `${MODEL}@`])
      expect(() => modelOf(id)).toThrow(expect.objectContaining({ code: 'InvalidInput' }));
  });

  it('is named in what a database of before it holds', async () => {
    const directory = await temporaryDirectory();
    const database = await PGlite.create();
    try {
      const session = {
        exec: (script: string) => database.exec(script),
        query: (sql: string, parameters?: readonly unknown[]) =>
          database.query(sql, [...(parameters ?? [])]),
      };
      const before = join(directory.path, 'before');
      for (const name of await readdir(MIGRATIONS))
        if (name < MIGRATION && !name.includes('.'))
          await cp(join(MIGRATIONS, name), join(before, name), { recursive: true });
      await migrate(session, before);
      await database.exec(`
        INSERT INTO "Gallery" (id, name, model) VALUES ('a', 'a', '${MODEL}'), ('b', 'b', 'senet50-vggface2');
        INSERT INTO "Face" (id, "galleryId", box, landmarks, confidence, "imageHash")
          VALUES ('f', 'a', '{0,0,1,1}', '{0,0,0,0,0,0,0,0,0,0}', 1, 'h');
        INSERT INTO "Embedding" ("faceId", model, vector)
          VALUES ('f', '${MODEL}', '\\x00'), ('f', 'senet50-vggface2', '\\x01');`);
      expect(await migrate(session, MIGRATIONS)).toContain(MIGRATION);
      const models = async (table: string) =>
        (await database.query<{ model: string }>(`SELECT model FROM "${table}" ORDER BY model`))
          .rows;
      const expected = [{ model: PAST }, { model: 'senet50-vggface2' }];
      expect(await models('Gallery')).toEqual(expected);
      expect(await models('Embedding')).toEqual(expected);
    } finally {
      await database.close();
      await directory.remove();
    }
  });
});

describe('a gallery of a past revision', () => {
  const engine = fakeEngine();
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let service: Service;
  let galleryId: string;
  let greenFace: string;
  const photographs = {
    red: picture(PEOPLE.red),
    blue: picture(PEOPLE.blue),
    green: picture(PEOPLE.green),
  };

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(engine, { directory: directory.path });
    const { client: db } = api.database;
    service = { db, engine, indexes: api.indexes, galleries: null };
    await api.run('mutation { createGallery(name: "old", keepImages: true) { __typename } }');
    await enrol('Red', photographs.red);
    await enrol('Blue', photographs.blue);
    greenFace = (await enrol('Green', photographs.green)).id;
    galleryId = (await db.gallery.findUniqueOrThrow({ where: { name: 'old' } })).id;
    // As the migration leaves it.
    await db.gallery.update({ where: { id: galleryId }, data: { model: PAST } });
    await db.embedding.updateMany({ data: { model: PAST } });
    await api.indexes.follow(galleryId);
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const run = async (
    query: string,
    image?: Uint8Array<ArrayBuffer>,
    variables: Record<string, unknown> = {},
  ) => (await api.run(query, { variables, ...(image && { files: { 'image.file': image } }) })).data;
  const enrol = async (name: string, image: Uint8Array<ArrayBuffer>) => {
    const query = `mutation ($image: ImageInput!, $name: String!) {
      enrolFace(image: $image, identity: { new: { gallery: { name: "old" }, name: $name } }) {
        __typename ... on Face { id } ... on Failure { message } } }`;
    return (await run(query, image, { name })).enrolFace;
  };
  const identify = async (name: string, image: Uint8Array<ArrayBuffer>) => {
    const query = `query ($image: ImageInput!, $name: String!) {
      identify(image: $image, gallery: { name: $name }) {
        __typename ... on Identification { faces { match { identity { name } } } } ... on Failure { message } } }`;
    return (await run(query, image, { name })).identify;
  };
  const found = (name: string) => ({
    __typename: 'Identification',
    faces: [{ match: { identity: { name } } }],
  });

  it('is compared with nothing cut otherwise, and takes nothing', async () => {
    const refused = { __typename: 'ModelMismatch', message: expect.stringContaining('reembed') };
    expect(await identify('old', photographs.red)).toEqual(refused);
    expect(await enrol('Grey', picture([90, 90, 200]))).toEqual(refused);
    const create = `mutation { createGallery(name: "new", model: "${PAST}") { __typename ... on Failure { message } } }`;
    expect((await api.run(create)).data?.createGallery?.__typename).not.toBe('Gallery');
    const { gallery } = await run('{ gallery(by: { name: "old" }) { model } }');
    expect(gallery.model).toBe(PAST);
  });

  it('still compares its own faces with each other, and lets go of them', async () => {
    const { similarFaces } = await run(`{ similarFaces(face: "${greenFace}") {
      __typename ... on SimilarFaces { faces { distance } } } }`);
    expect(similarFaces.__typename).toBe('SimilarFaces');
    expect(similarFaces.faces).toHaveLength(2);
    const deleted = await run(`mutation { deleteFace(id: "${greenFace}") { __typename } }`);
    expect(deleted).toEqual({ deleteFace: { __typename: 'DeletedFace' } });
  });

  it('goes into a bundle as what it is, which is taken only to be embedded anew', async () => {
    const bundle = await exportBundle(service, { id: galleryId }, { keyId: 'test', images: true });
    const bytes = Buffer.concat(await bundle.stream.toArray());
    const document = JSON.parse(String(partsOf(bytes)[0].data));
    expect(document.model).toMatchObject({ name: MODEL, revision: 1 });
    const into = { keyId: 'test', newIds: true };
    await expect(
      importBundle(service, Readable.from([bytes]), { ...into, name: 'copy' }),
    ).rejects.toMatchObject({
      code: 'ModelMismatch',
    });
    // A bundle of before there were revisions.
    delete document.model.revision;
    const parts = summed(
      partsOf(bytes).map((part) =>
        part.name === 'manifest.json'
          ? { ...part, data: Buffer.from(JSON.stringify(document)) }
          : part,
      ),
    );
    await expect(
      importBundle(service, Readable.from([archive(parts)]), { ...into, name: 'copy' }),
    ).rejects.toMatchObject({ code: 'ModelMismatch' });
    const { jobId } = await importBundle(service, Readable.from([archive(parts)]), {
      ...into,
      name: 'copy',
      model: MODEL,
    });
    expect(jobId).not.toBeNull();
    api.jobs.wake();
    await expect
      .poll(() => identify('copy', photographs.blue), { timeout: 10_000 })
      .toEqual(found('Blue'));
  });

  it('is embedded anew by the revision of now', async () => {
    const { reembed } = await run(`mutation { reembed(gallery: { name: "old" }, model: "${MODEL}") {
      __typename ... on Failure { message } } }`);
    expect(reembed).toEqual({ __typename: 'Job' });
    await expect
      .poll(() => identify('old', photographs.red), { timeout: 10_000 })
      .toEqual(found('Red'));
  });
});
