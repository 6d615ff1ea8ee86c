import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { expire } from '../src/faces/jobs/expire.ts';
import { createKey } from '../src/faces/keys.ts';
import { type Colour, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const { red, green, blue } = PEOPLE;
const PINK: Colour = [200, 40, 90];

const CREATE = `mutation ($name: String!, $gallery: String! = "crew", $externalId: String, $labels: [String!], $consent: ConsentInput, $key: String) {
  createIdentity(name: $name, gallery: { name: $gallery }, externalId: $externalId, labels: $labels, consent: $consent, idempotencyKey: $key) { ... on Identity { id } } }`;
const ENROL = `mutation ($image: ImageInput!, $id: ID!, $key: String) {
  enrolFace(image: $image, identity: { id: $id }, idempotencyKey: $key) { ... on Face { id } } }`;
const MERGE = `mutation ($from: ID!, $into: ID!, $key: String) {
  mergeIdentities(from: $from, into: $into, idempotencyKey: $key) { ... on EditedIdentity { edit { id } } } }`;
const REASSIGN = `mutation ($face: ID!, $to: ID!) {
  reassignFace(face: $face, to: { id: $to }) { ... on EditedIdentity { edit { id } } } }`;
const UNDO = 'mutation ($id: ID!) { undoEdit(id: $id) { __typename } }';
const ERASE = `mutation ($id: ID!, $name: String!) { eraseIdentity(id: $id, confirmName: $name) {
  __typename
  ... on Erasure { id at hash receipt counts { identities faces embeddings images tokens edits jobItems searchResults idempotencyKeys maskReports } }
  ... on Failure { message } } }`;
const BULK = `mutation ($image: ImageInput!) {
  enrolInBulk(gallery: { name: "crew" }, source: { uploads: [{ name: "Old Secret", image: $image }] }) { ... on Job { id } } }`;
const JOB = 'query ($id: ID!) { job(id: $id) { finishedAt } }';
const TOKEN = `query ($image: ImageInput!) { detect(image: $image) { ... on Detection { faces { token } } } }`;
const ERASURES = '{ erasures { totalCount edges { node { id hash receipt } } } }';
const IDENTIFY = `query ($image: ImageInput!) { identify(image: $image, gallery: { name: "crew" }) {
  ... on Identification { faces { match { identity { name } } candidates { identity { name } } } } } }`;

describe('erasure', () => {
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
    for (const name of ['crew', 'staff'])
      await api.run(`mutation { createGallery(name: "${name}", keepImages: true) { __typename } }`);
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const call = async (
    query: string,
    variables: object,
    { key, image }: { key?: string; image?: Colour } = {},
  ) => {
    const files = image && { 'image.file': picture(image) };
    const { data, errors } = await api.run(query, { variables: { ...variables }, files, key });
    expect(errors).toBeUndefined();
    return Object.values(data)[0] as Awaited<ReturnType<Api['run']>>['data'];
  };
  const local = (global: string) => Buffer.from(global, 'base64').toString().split(':')[1];

  /** Everything in the database, as text; vectors in hexadecimal. */
  async function everything(): Promise<string> {
    const db = api.database.client;
    const tables = await db.$queryRaw<{ name: string }[]>`
      SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`;
    const dumps: unknown[] = [];
    // Ids of faces stay in the log for an hour; the test below looks at nothing else of it.
    for (const { name } of tables)
      if (name !== 'GalleryChange')
        dumps.push(await db.$queryRawUnsafe(`SELECT t::text AS row FROM "${name}" t`));
    expect(dumps.length).toBeGreaterThan(8);
    return JSON.stringify(dumps);
  }

  it('removes all that tells of a person, and of nobody else', async () => {
    const consent = { basis: 'consent form 0815' };
    const ann = await call(CREATE, {
      name: 'Ann Secret',
      externalId: 'external-ann',
      labels: ['label-ann'],
      consent,
      key: 'key ann',
    });
    const old = await call(CREATE, { name: 'Old Secret', externalId: 'external-old' });
    const older = await call(CREATE, { name: 'Older Secret', key: 'key older' });
    const bob = await call(CREATE, { name: 'Bob', key: 'key bob' });
    const faces = [
      await call(ENROL, { id: ann.id, key: 'face ann' }, { image: red }),
      await call(ENROL, { id: old.id }, { image: PINK }),
      await call(ENROL, { id: bob.id, key: 'face bob' }, { image: green }),
      await call(ENROL, { id: bob.id, key: 'face given to ann' }, { image: blue }),
    ];
    const { id } = await call(BULK, {}, { image: [150, 60, 220] });
    await expect.poll(async () => (await call(JOB, { id })).finishedAt).not.toBeNull();
    await call(REASSIGN, { face: faces[3].id, to: older.id });
    await call(MERGE, { from: older.id, into: old.id, key: 'merge' });
    await call(MERGE, { from: old.id, into: ann.id });
    const cyd = await call(CREATE, { name: 'Cyd' });
    const kept = await call(REASSIGN, { face: faces[2].id, to: cyd.id });
    await call(TOKEN, {}, { image: red });
    await call(IDENTIFY, {}, { image: red });
    await expect.poll(() => api.searchLog.pending).toBe(0);
    const known = [
      'Secret',
      createHash('sha256').update(picture(red)).digest('hex'),
      'external-ann',
      'external-old',
      'label-ann',
      'consent form 0815',
      ...[ann, old, older, faces[0], faces[1], faces[3]].map(({ id }) => local(id)),
      ...['key ann', 'key older', 'face ann', 'face given to ann', 'merge'],
    ];
    const before = await everything();
    expect(known.filter((text) => !before.includes(text))).toEqual([]);

    const wrong = await call(ERASE, { id: ann.id, name: 'Ann' });
    expect(wrong.__typename).toBe('InvalidInput');
    expect(await everything()).toBe(before);

    const erasure = await call(ERASE, { id: ann.id, name: 'Ann Secret' });
    expect(erasure.counts).toEqual({
      identities: 1,
      faces: 4,
      embeddings: 4,
      images: 4,
      tokens: 1,
      edits: 3,
      jobItems: 1,
      searchResults: 1,
      idempotencyKeys: 5,
      maskReports: 0,
    });
    const after = await everything();
    expect(known.filter((text) => after.includes(text))).toEqual([]);
    for (const text of ['Bob', 'Cyd', 'key bob', 'face bob', local(kept.edit.id)])
      expect(after).toContain(text);

    const probe = await call(IDENTIFY, {}, { image: red });
    expect(probe.faces[0].match).toBeNull();
    expect(JSON.stringify(probe)).not.toContain('Secret');
    expect(api.indexes.size()).toBe(1);
    expect((await call(UNDO, { id: kept.edit.id })).__typename).toBe('Edit');

    const receipt = JSON.parse(erasure.receipt);
    expect(receipt).toEqual({
      id: erasure.id,
      at: erasure.at,
      counts: erasure.counts,
      galleryId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(createHash('sha256').update(erasure.receipt).digest('hex')).toBe(erasure.hash);
    const { erasures } = (await api.run(ERASURES)).data;
    expect(erasures).toEqual({
      totalCount: 1,
      edges: [{ node: { id: erasure.id, hash: erasure.hash, receipt: erasure.receipt } }],
    });
    const again = await call(ERASE, { id: ann.id, name: 'Ann Secret' });
    expect(again.__typename).toBe('IdentityNotFound');
  });

  it('comes by itself when the consent ends', async () => {
    const { client: db } = api.database;
    const before = await db.erasure.count();
    const consent = { basis: 'form', recordedAt: '2020-01-01T00:00:00Z' };
    const ended = { ...consent, expiresAt: '2021-01-01T00:00:00Z' };
    const { id } = await call(CREATE, { name: 'Gone Ended', consent: ended });
    await call(CREATE, { name: 'Here Still', consent });
    await call(ENROL, { id }, { image: [90, 90, 250] });
    const faces = api.indexes.size();
    await expire({ db, indexes: api.indexes });
    expect(api.indexes.size()).toBe(faces - 1);
    expect(await everything()).not.toContain('Gone Ended');
    expect(await everything()).toContain('Here Still');
    expect(await db.erasure.count()).toBe(before + 1);
  });

  it('spares whom a merge was undone for', async () => {
    const ann = await call(CREATE, { name: 'Ann Twin' });
    const eve = await call(CREATE, { name: 'Eve Twin', key: 'key eve' });
    await call(ENROL, { id: eve.id }, { image: PINK });
    const { edit } = await call(MERGE, { from: eve.id, into: ann.id });
    await call(UNDO, { id: edit.id });
    const { counts } = await call(ERASE, { id: ann.id, name: 'Ann Twin' });
    expect(counts).toMatchObject({ identities: 1, faces: 0, edits: 1, idempotencyKeys: 0 });
    const after = await everything();
    expect(after).toContain('key eve');
    expect(after).not.toContain('Ann Twin');
    expect((await call(IDENTIFY, {}, { image: PINK })).faces[0].match.identity.name).toBe(
      'Eve Twin',
    );
  });

  it('leaves nothing in edits after a plain deletion either', async () => {
    const from = await call(CREATE, { name: 'Merged Away' });
    const into = await call(CREATE, { name: 'Stayed' });
    await call(MERGE, { from: from.id, into: into.id });
    expect(await everything()).toContain('Merged Away');
    await api.run(`mutation { deleteIdentity(id: "${into.id}") { __typename } }`);
    expect(await everything()).not.toContain('Merged Away');
  });

  it('is for keys that may use the gallery, and outlives it', async () => {
    const bob = await call(CREATE, { name: 'Bob' });
    const dan = await call(CREATE, { name: 'Dan', gallery: 'staff' });
    const { id } = await api.database.client.gallery.findUniqueOrThrow({
      where: { name: 'staff' },
    });
    const bound = { label: 'staff', scopes: ['gallery:write', 'audit'], galleries: [id] } as const;
    const key = await createKey(api.database.client, bound);
    expect((await call(ERASE, { id: bob.id, name: 'Bob' }, { key })).__typename).toBe(
      'IdentityNotFound',
    );
    const { hash } = await call(ERASE, { id: dan.id, name: 'Dan' }, { key });
    await api.database.client.gallery.delete({ where: { id } });
    const { erasures } = (await api.run(ERASURES, { key })).data;
    expect(erasures.edges).toMatchObject([{ node: { hash } }]);
    expect(erasures.totalCount).toBe(1);
    expect((await api.run(ERASURES)).data.erasures.totalCount).toBe(4);
  });
});
