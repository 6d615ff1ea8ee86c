import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { FacegraphError } from '../src/errors.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const DETECT = `query ($image: ImageInput!, $options: DetectOptions) {
  detect(image: $image, options: $options) { __typename ... on Failure { message } }
}`;
const NODE = (id: string) => `{ node(id: "${id}") { __typename } }`;
const globalId = (text: string) => Buffer.from(text).toString('base64');

const DETECT_BAD = 'detect(image: { base64: "AAAA" }) { __typename }';
const DELETE_FACE = `mutation { deleteFace(id: "${globalId('Face:x')}") { __typename } }`;
const DELETE_IDENTITY = `mutation { deleteIdentity(id: "${globalId('Identity:x')}") { __typename } }`;
const DELETE_GALLERY = `mutation { deleteGallery(id: "${globalId('Gallery:x')}", confirmName: "x") { __typename } }`;

describe('API server', () => {
  let engine: FakeEngine;
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let accepting = true;
  const log: string[] = [];

  beforeAll(async () => {
    directory = await temporaryDirectory();
    engine = fakeEngine();
    api = await openApi(engine, {
      directory: directory.path,
      accepting: () => accepting,
      log: (line) => log.push(line),
    });
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  describe('keys', () => {
    it('lets a key for identification see who it is, and no more of the gallery', async () => {
      await api.run('mutation { createGallery(name: "scoped") { __typename } }');
      const enrol = `mutation ($image: ImageInput!) { enrolFace(image: $image, identity: { new: { gallery: { name: "scoped" }, name: "Red" } }) { __typename } }`;
      await api.run(enrol, { files: { 'image.file': picture(PEOPLE.red) } });
      const identify = (fields: string) =>
        `query ($image: ImageInput!) { identify(image: $image, gallery: { name: "scoped" }) { ... on Identification { faces { match { identity { ${fields} } } } } } }`;
      const options = {
        files: { 'image.file': picture(PEOPLE.red) },
        key: await api.key('identify'),
      };
      const named = await api.run(identify('id name externalId'), options);
      expect(named.data.identify.faces[0].match.identity.name).toBe('Red');
      for (const fields of ['faces { totalCount }', 'gallery { name }']) {
        const { errors } = await api.run(identify(fields), options);
        expect(errors?.[0].extensions?.code).toBe('Forbidden');
      }
    });

    it('takes a bearer token, and refuses wrong, expired and revoked keys', async () => {
      const ask = async (headers: Record<string, string>) => {
        const body = JSON.stringify({ query: '{ health { faces } }' });
        const all = { ...headers, 'content-type': 'application/json' };
        return (await api.fetch('/graphql', { method: 'POST', body, headers: all })).status;
      };
      expect(await ask({ authorization: `Bearer ${api.admin}` })).toBe(200);
      expect(await ask({ authorization: `Basic ${api.admin}` })).toBe(401);
      expect(await ask({ 'x-api-key': `${api.admin}x` })).toBe(401);
      const secret = await api.key('detect');
      const newest = { orderBy: { id: 'desc' } } as const;
      const { id, hash } = await api.database.client.apiKey.findFirstOrThrow(newest);
      expect(hash).not.toContain(secret);
      expect(await ask({ 'x-api-key': secret })).toBe(200);
      const used = await api.database.client.apiKey.findUniqueOrThrow({ where: { id } });
      expect(used.lastUsedAt).toBeInstanceOf(Date);
      for (const data of [{ expiresAt: new Date(0) }, { expiresAt: null, revokedAt: new Date() }]) {
        await api.database.client.apiKey.update({ where: { id }, data });
        expect(await ask({ 'x-api-key': secret })).toBe(401);
      }
    });
  });

  describe('requests', () => {
    it('refuses what another site can make a browser send', async () => {
      const body = new FormData();
      body.set('operations', JSON.stringify({ query: '{ __typename }' }));
      const simple = await api.fetch('/graphql', { method: 'POST', body });
      expect(simple.status).toBe(403);
      const get = '/graphql?query=%7B__typename%7D';
      expect((await api.fetch(get)).status).toBe(403);
      expect((await api.fetch(get, { headers: { 'x-api-key': api.admin } })).status).toBe(200);
    });

    it('refuses a body over the limit', async () => {
      const body = JSON.stringify({ query: '{ __typename }', variables: { x: 'x'.repeat(28e6) } });
      const headers = { 'x-api-key': api.admin, 'content-type': 'application/json' };
      expect((await api.fetch('/graphql', { method: 'POST', body, headers })).status).toBe(413);
    });

    it.each([
      ['tokens', `{ ${'__typename '.repeat(2500)} }`],
      ['images', `{ ${[...Array(11).keys()].map((i) => `a${i}: ${DETECT_BAD}`)} }`],
      [
        'rows',
        '{ galleries(first: 100) { edges { node { identities(first: 100) { totalCount } } } } }',
      ],
      ['depth', `{ galleries(first: 1) { edges { node { ${nested(5)} } } } }`],
      ['aliases', `{ ${[...Array(500).keys()].map((i) => `a${i}: __typename`)} health { faces } }`],
    ])('refuses a query with too many %s before doing anything', async (_what, query) => {
      const before = engine.detected;
      const { data, errors } = await api.run(query);
      expect(data ?? null).toBeNull();
      expect(errors?.[0].message).toMatch(/exceeds|Syntax Error: Document contains more/);
      expect(engine.detected).toBe(before);
    });

    it('masks an internal error and logs it', async () => {
      const before = log.length;
      engine.failure = new Error('secret of the house');
      const answer = await api.run(DETECT, { files: { 'image.file': picture(PEOPLE.red) } });
      expect(JSON.stringify(answer)).not.toContain('secret');
      expect(answer.errors?.[0]).toMatchObject({
        message: 'Unexpected error.',
        extensions: { code: 'INTERNAL_SERVER_ERROR' },
      });
      expect(log.slice(before).join()).toContain('secret of the house');
    });

    it('answers a lost device by its type', async () => {
      engine.failure = new FacegraphError('DeviceLost', 'the GPU went away');
      const { data } = await api.run(DETECT, { files: { 'image.file': picture(PEOPLE.red) } });
      expect(data.detect).toEqual({ __typename: 'DeviceLost', message: 'the GPU went away' });
    });

    it('tells whether it lives and is ready', async () => {
      expect((await api.fetch('/healthz')).status).toBe(200);
      expect((await api.fetch('/readyz')).status).toBe(200);
      accepting = false;
      expect((await api.fetch('/readyz')).status).toBe(503);
      expect((await api.fetch('/healthz')).status).toBe(200);
      accepting = true;
    });

    it('tells what it runs on', async () => {
      const { data } = await api.run('{ health { database adapter { vendor software } } }');
      expect(data.health).toEqual({
        database: 'PGLITE',
        adapter: { vendor: 'test', software: true },
      });
    });
  });

  describe('bad input', () => {
    const text = (value: string) => new Uint8Array(Buffer.from(value));
    const png = picture(PEOPLE.red);
    const bomb = picture(PEOPLE.red);
    new DataView(bomb.buffer).setUint32(16, 60_000);
    new DataView(bomb.buffer).setUint32(20, 60_000);

    it.each([
      ['an empty file', new Uint8Array(), 'UnsupportedImage'],
      ['text', text('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'UnsupportedImage'],
      ['HEIC', text('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), 'UnsupportedImage'],
      ['WebP', text('RIFF\x24\0\0\0WEBPVP8 '), 'UnsupportedImage'],
      ['GIF', text('GIF89a\x01\0\x01\0'), 'UnsupportedImage'],
      ['half a PNG', png.slice(0, png.length / 2), 'UnsupportedImage'],
      ['a PNG signature alone', png.slice(0, 8), 'UnsupportedImage'],
      ['a JPEG start alone', new Uint8Array([0xff, 0xd8, 0xff]), 'UnsupportedImage'],
      ['a PNG of 3.6 gigapixels', bomb, 'ImageTooLarge'],
      ['a file of 11 MB', new Uint8Array(11e6), 'ImageTooLarge'],
    ])('%s is answered by its type', async (_what, file, type) => {
      const { data, errors } = await api.run(DETECT, { files: { 'image.file': file } });
      expect(errors).toBeUndefined();
      expect(data.detect.__typename).toBe(type);
      expect(data.detect.message).toMatch(/^.{10,150}$/);
    });

    const base64 = Buffer.from(png).toString('base64');
    it.each([
      ['no base64', { image: { base64: 'ä' } }, 'InvalidInput'],
      ['a data URL', { image: { base64: `data:image/png;base64,${base64}` } }, 'InvalidInput'],
      ['base64 of 11 MB', { image: { base64: 'A'.repeat(16e6) } }, 'ImageTooLarge'],
      ['a string for a file', { image: { file: 'photo.jpg' } }, 'InvalidInput'],
      ['a tiny minFaceSize', { image: { base64 }, options: { minFaceSize: 1 } }, 'InvalidInput'],
      ['a scaleFactor of 1', { image: { base64 }, options: { scaleFactor: 1 } }, 'InvalidInput'],
      [
        'two thresholds',
        { image: { base64 }, options: { thresholds: [0.5, 0.5] } },
        'InvalidInput',
      ],
    ])('%s is answered by its type', async (_what, variables, type) => {
      const { data, errors } = await api.run(DETECT, { variables });
      expect(errors).toBeUndefined();
      expect(data.detect.__typename).toBe(type);
    });

    const identify = (more: string) =>
      `{ identify(image: { base64: "${base64}" }, gallery: { name: "x" } ${more}) { __typename ... on Failure { message } } }`;
    it.each([
      ['a missing gallery', identify(''), 'identify', 'GalleryNotFound'],
      ['top 0', identify('top: 0'), 'identify', 'InvalidInput'],
      ['top 101', identify('top: 101'), 'identify', 'InvalidInput'],
      ['a threshold below 0', identify('threshold: -0.1'), 'identify', 'InvalidInput'],
      [
        'a model without weights',
        'mutation { createGallery(name: "x", model: "senet50-vggface2") { __typename } }',
        'createGallery',
        'ModelUnavailable',
      ],
      [
        'an unknown model',
        'mutation { createGallery(name: "x", model: "x") { __typename } }',
        'createGallery',
        'InvalidInput',
      ],
      [
        'a blank name',
        'mutation { createGallery(name: "  ") { __typename } }',
        'createGallery',
        'InvalidInput',
      ],
      [
        'a name of 201 characters',
        `mutation { createGallery(name: "${'x'.repeat(201)}") { __typename } }`,
        'createGallery',
        'InvalidInput',
      ],
      ['a missing identity', DELETE_IDENTITY, 'deleteIdentity', 'IdentityNotFound'],
      ['a missing face', DELETE_FACE, 'deleteFace', 'FaceNotFound'],
      ['a missing gallery', DELETE_GALLERY, 'deleteGallery', 'GalleryNotFound'],
    ])('%s is answered by its type', async (_what, query, field, type) => {
      const { data, errors } = await api.run(query);
      expect(errors).toBeUndefined();
      expect(data[field].__typename).toBe(type);
    });

    it.each([
      ['an id of nothing', NODE('nonsense')],
      [
        'an id of another type',
        DELETE_FACE.replace(/id: "[^"]+"/, `id: "${globalId('Gallery:x')}"`),
      ],
      ['both ways to name a gallery', '{ gallery(by: { name: "x", id: "eA==" }) { id } }'],
      ['no way to name a gallery', '{ gallery(by: {}) { id } }'],
      ['a negative page', '{ galleries(first: -1) { totalCount edges { cursor } } }'],
      ['a cursor of nothing', '{ galleries(after: "x") { edges { cursor } } }'],
      ['an unknown field', '{ gallery }'],
      ['no GraphQL', 'SELECT 1'],
    ])('%s is refused with a reason', async (_what, query) => {
      const { status, errors } = await api.run(query);
      expect(status).toBeLessThan(500);
      expect(errors?.[0].message).not.toBe('Unexpected error.');
      expect(errors?.[0].message).toMatch(/.{10}/);
    });

    it.each([
      ['no JSON', 'application/json', '{'],
      ['a list', 'application/json', '[]'],
      ['a number', 'application/json', '1'],
      ['null', 'application/json', 'null'],
      [
        'variables that are a string',
        'application/json',
        '{"query":"{__typename}","variables":"x"}',
      ],
      ['an unknown content type', 'application/x-protobuf', 'x'],
      ['a broken multipart body', 'multipart/form-data; boundary=x', '--x\r\nnonsense'],
    ])('a body with %s is a client error', async (_what, type, body) => {
      const headers = { 'x-api-key': api.admin, 'content-type': type };
      const { status } = await api.fetch('/graphql', { method: 'POST', body, headers });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    });

    it.each([
      ['a map that is no JSON', '{'],
      ['a map to numbers', '{"0":5}'],
      ['a map that pollutes prototypes', '{"0":["__proto__.polluted"]}'],
      ['a map to a part that is missing', '{"7":["variables.image.file"]}'],
    ])('%s does no harm', async (_what, map) => {
      const body = new FormData();
      body.set('operations', JSON.stringify({ query: DETECT, variables: { image: {} } }));
      body.set('map', map);
      body.set('0', new Blob([png]), 'x.png');
      const headers = { 'x-api-key': api.admin };
      const response = await api.fetch('/graphql', { method: 'POST', body, headers });
      expect(response.status).toBeLessThan(500);
      expect(await response.text()).not.toContain('Unexpected error.');
      expect('polluted' in {}).toBe(false);
    });
  });
});

function nested(times: number): string {
  let query = 'id';
  for (let i = 0; i < times; i++)
    query = `identities(first: 1) { edges { node { gallery { ${query} } } } }`;
  return query;
}
