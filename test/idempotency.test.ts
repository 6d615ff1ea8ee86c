import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { canonicalJson } from '../src/faces/canonicalJson.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';

const { red, green, blue } = PEOPLE;
const FAILURE = '... on Failure { message }';

const GALLERY = `mutation ($name: String!, $key: String) {
  createGallery(name: $name, idempotencyKey: $key) { __typename ... on Gallery { id } ${FAILURE} } }`;
const IDENTITY = `mutation ($name: String!, $consent: ConsentInput, $key: String) {
  createIdentity(gallery: { name: "crew" }, name: $name, consent: $consent, idempotencyKey: $key) {
    __typename ... on Identity { id } ${FAILURE} } }`;
const ENROL = `mutation ($image: ImageInput!, $name: String!, $key: String) {
  enrolFace(image: $image, identity: { new: { gallery: { name: "crew" }, name: $name } }, idempotencyKey: $key) {
    __typename ... on Face { id identity { id } } ${FAILURE} } }`;
const ENROL_MANY = `mutation ($image: ImageInput!, $faces: [FaceToEnrol!]!, $key: String) {
  enrolFaces(image: $image, faces: $faces, idempotencyKey: $key) {
    __typename ... on EnrolledFaces { faces { id identity { id } } } ${FAILURE} } }`;
const EDITED = `__typename ... on EditedIdentity { edit { id } identity { id } } ${FAILURE}`;
const MERGE = `mutation ($from: ID!, $into: ID!, $key: String) {
  mergeIdentities(from: $from, into: $into, idempotencyKey: $key) { ${EDITED} } }`;
const SPLIT = `mutation ($identity: ID!, $faces: [ID!]!, $key: String) {
  splitIdentity(identity: $identity, faces: $faces, new: { name: "Split" }, idempotencyKey: $key) { ${EDITED} } }`;
const REASSIGN = `mutation ($face: ID!, $key: String) {
  reassignFace(face: $face, to: { new: { name: "New" } }, idempotencyKey: $key) { ${EDITED} } }`;

afterAll(closeDecoder);

describe('canonical JSON', () => {
  it('is the same for equal values', () => {
    const value = { b: [{ y: 1, x: undefined }], a: new Date(0), ä: null, B: '"' };
    expect(canonicalJson(value)).toBe(
      '{"B":"\\"","a":"1970-01-01T00:00:00.000Z","b":[{"y":1}],"ä":null}',
    );
    expect(canonicalJson({ ä: null, B: '"', a: new Date(0), b: [{ y: 1 }] })).toBe(
      canonicalJson(value),
    );
  });
});

const databases = [
  { name: 'PGlite', skip: false },
  { name: 'PostgreSQL, with two processes', skip: POSTGRES_BIN === undefined },
];

for (const { name, skip } of databases)
  describe.skipIf(skip)(`idempotency keys on ${name}${skip ? ' (not installed)' : ''}`, () => {
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let server: Postgres | undefined;
    let engine: FakeEngine;
    let one: Api;
    let two: Api;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      engine = fakeEngine();
      const open = (url?: string) => openApi(engine, { directory: directory.path, url });
      if (name === 'PGlite') {
        one = await open();
        two = one;
      } else {
        server = await startPostgres();
        const url = await server.database();
        one = await open(url);
        two = await open(url);
      }
      await one.run(GALLERY, { variables: { name: 'crew' } });
      await two.indexes.followAll();
    });

    afterAll(async () => {
      await one?.close();
      if (two !== one) await two?.close();
      await server?.stop();
      await directory.remove();
    });

    const call = async (
      api: Api,
      query: string,
      variables: object,
      image?: Uint8Array<ArrayBuffer>,
    ) => {
      const files = image && { 'image.file': image };
      const options = { variables: { ...variables }, files, key: one.admin };
      const { data, errors } = await api.run(query, options);
      expect(errors).toBeUndefined();
      return Object.values(data)[0] as Awaited<ReturnType<Api['run']>>['data'];
    };
    const rows = async () => {
      const db = one.database.client;
      const [galleries, identities, faces, edits] = await Promise.all([
        db.gallery.count(),
        db.identity.count(),
        db.face.count(),
        db.edit.count(),
      ]);
      return { galleries, identities, faces, edits };
    };
    const { mutations, variables } = requests();

    it.each(Object.entries(mutations))(
      '%s is done once',
      async (field, { query, image, first }) => {
        const given = { ...(await variables(field, call, () => one)), key: `${field} 1` };
        const before = await rows();
        // Both at the same moment, each through a process of its own, and once more.
        const answers = await Promise.all([one, two].map((api) => call(api, query, given, image)));
        const after = await rows();
        answers.push(await call(two, query, given, image));
        expect(answers[0].__typename).toBe(first);
        expect(answers[1]).toEqual(answers[0]);
        expect(answers[2]).toEqual(answers[0]);
        expect(after).not.toEqual(before);
        expect(await rows()).toEqual(after);
      },
    );

    it('refuses another request with the same key, and lets other clients use it', async () => {
      const key = 'shared';
      const first = await call(one, IDENTITY, { name: 'Ann', key });
      expect((await call(one, IDENTITY, { name: 'Ann', key })).id).toBe(first.id);
      const consent = { basis: 'form', expiresAt: '2099-01-01T00:00:00Z' };
      for (const other of [{ name: 'Bob' }, { name: 'Ann', consent }])
        expect((await call(two, IDENTITY, { ...other, key })).__typename).toBe(
          'IdempotencyKeyReused',
        );
      expect((await call(one, GALLERY, { name: 'Ann', key })).__typename).toBe(
        'IdempotencyKeyReused',
      );
      const another = await one.key('admin');
      const { data } = await one.run(IDENTITY, { variables: { name: 'Bob', key }, key: another });
      expect(data.createIdentity.__typename).toBe('Identity');
      expect((await call(one, ENROL, { name: 'E', key: 'image' }, picture([9, 200, 99]))).id).toBe(
        (await call(two, ENROL, { name: 'E', key: 'image' }, picture([9, 200, 99]))).id,
      );
      expect(
        (await call(one, ENROL, { name: 'E', key: 'image' }, picture([200, 9, 99]))).__typename,
      ).toBe('IdempotencyKeyReused');
    });

    it('of two different requests with one key at one moment does one', async () => {
      const before = await rows();
      const both = await Promise.all(
        [one, two].map((api, i) => call(api, IDENTITY, { name: `Person ${i}`, key: 'race' })),
      );
      expect(both.map((answer) => answer.__typename).sort()).toEqual([
        'IdempotencyKeyReused',
        'Identity',
      ]);
      expect(await rows()).toEqual({ ...before, identities: before.identities + 1 });
    });

    it('answers a request that was overtaken by its own repetition', async () => {
      const enrol = () => call(one, ENROL, { name: 'Slow', key: 'slow' }, picture([10, 128, 60]));
      const { detect } = engine;
      const second = new Promise<unknown>((resolve) => {
        engine.detect = async (...args) => {
          engine.detect = detect;
          resolve(enrol());
          await second;
          return detect(...args);
        };
      });
      const first = await enrol();
      expect(first.__typename).toBe('Face');
      expect(await second).toEqual(first);
    });

    it('remembers no failure', async () => {
      const key = 'failing';
      expect((await call(one, GALLERY, { name: 'crew', key })).__typename).toBe('NameTaken');
      await one.database.client.gallery.update({
        where: { name: 'crew' },
        data: { name: 'other' },
      });
      expect((await call(one, GALLERY, { name: 'crew', key })).__typename).toBe('Gallery');
    });

    it('tells when what was made is gone', async () => {
      const enrol = () => call(one, ENROL, { name: 'Gone', key: 'gone' }, picture([250, 250, 128]));
      const { id } = await enrol();
      await one.run(`mutation { deleteFace(id: "${id}") { __typename } }`);
      expect((await enrol()).__typename).toBe('IdempotencyKeyReused');
      const identity = { new: { gallery: { name: 'crew' }, name: 'Gone' } };
      const faces = {
        faces: [
          { identity, face: 0 },
          { identity, face: 1 },
        ],
        key: 'both gone',
      };
      const image = picture([90, 250, 190], [190, 100, 250]);
      const both = await call(one, ENROL_MANY, faces, image);
      await one.run(`mutation { deleteFace(id: "${both.faces[1].id}") { __typename } }`);
      expect((await call(one, ENROL_MANY, faces, image)).__typename).toBe('IdempotencyKeyReused');
    });

    it('forgets a key after 24 hours', async () => {
      const again = () => call(one, IDENTITY, { name: 'Day', key: 'day' });
      const age = (hours: number) =>
        one.database.client.idempotencyKey.updateMany({
          where: { key: 'day' },
          data: { at: new Date(Date.now() - hours * 3_600_000) },
        });
      const { id } = await again();
      await age(23.9);
      expect((await again()).id).toBe(id);
      await age(24.1);
      expect((await again()).id).not.toBe(id);
    });

    it.each(['', 'x'.repeat(201)])('refuses a key of a wrong length', async (key) => {
      expect((await call(one, GALLERY, { name: 'x', key })).__typename).toBe('InvalidInput');
    });
  });

type Call = (
  api: Api,
  query: string,
  variables: object,
  image?: Uint8Array<ArrayBuffer>,
) => Promise<Awaited<ReturnType<Api['run']>>['data']>;

// Every mutation that makes something, and how to come to arguments for it.
function requests() {
  const mutations: Record<
    string,
    { query: string; first: string; image?: Uint8Array<ArrayBuffer> }
  > = {
    createGallery: { query: GALLERY, first: 'Gallery' },
    createIdentity: { query: IDENTITY, first: 'Identity' },
    enrolFace: { query: ENROL, first: 'Face', image: picture(red) },
    enrolFaces: { query: ENROL_MANY, first: 'EnrolledFaces', image: picture(green, blue) },
    reassignFace: { query: REASSIGN, first: 'EditedIdentity' },
    splitIdentity: { query: SPLIT, first: 'EditedIdentity' },
    mergeIdentities: { query: MERGE, first: 'EditedIdentity' },
  };
  let shade = 0;
  const enrolled = async (call: Call, api: Api) => {
    shade += 40;
    return call(api, ENROL, { name: `Shade ${shade}` }, picture([128 + shade, 60 + shade, 20]));
  };
  const variables = async (field: string, call: Call, api: () => Api): Promise<object> => {
    const newOne = (name: string, face: number) => ({
      identity: { new: { gallery: { name: 'crew' }, name } },
      face,
    });
    switch (field) {
      case 'enrolFaces':
        return { faces: [newOne('Green', 0), newOne('Blue', 1)] };
      case 'reassignFace':
        return { face: (await enrolled(call, api())).id };
      case 'splitIdentity': {
        const face = await enrolled(call, api());
        return { identity: face.identity.id, faces: [face.id] };
      }
      case 'mergeIdentities': {
        const [from, into] = [
          await call(api(), IDENTITY, { name: 'From' }),
          await call(api(), IDENTITY, { name: 'Into' }),
        ];
        return { from: from.id, into: into.id };
      }
      default:
        return { name: `Name of ${field}` };
    }
  };
  return { mutations, variables };
}
