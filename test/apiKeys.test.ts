import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revokeKey } from '../src/faces/keyManagement.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';

const KEY = 'id label scopes galleries createdAt expiresAt lastUsedAt revokedAt';
const CREATE = `mutation ($label: String!, $scopes: [Scope!]!, $galleries: [ID!], $expiresAt: DateTime) {
  createApiKey(label: $label, scopes: $scopes, galleries: $galleries, expiresAt: $expiresAt) {
    __typename ... on CreatedApiKey { secret key { ${KEY} } } ... on Failure { message } } }`;
const REVOKE = `mutation ($id: ID!) { revokeApiKey(id: $id) {
  __typename ... on ApiKey { ${KEY} } ... on Failure { message } } }`;
const LIST = `{ apiKeys(first: 100) { totalCount edges { node { ${KEY} } } } }`;
const HEALTH = '{ health { faces } }';

interface Listed {
  id: string;
  label: string;
  scopes: string[];
}

const create = async (api: Api, variables: Record<string, unknown>, key = api.admin) =>
  (await api.run(CREATE, { variables: { label: 'new', scopes: ['DETECT'], ...variables }, key }))
    .data.createApiKey;
const revoke = async (api: Api, id: string, key = api.admin) =>
  (await api.run(REVOKE, { variables: { id }, key })).data.revokeApiKey;
const list = async (api: Api): Promise<Listed[]> =>
  (await api.run(LIST)).data.apiKeys.edges.map(({ node }: { node: Listed }) => node);

describe('API keys', () => {
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let galleries: string[];

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
    galleries = [];
    for (const name of ['a', 'b']) {
      const query = `mutation { createGallery(name: "${name}") { ... on Gallery { id } } }`;
      galleries.push((await api.run(query)).data.createGallery.id);
    }
  });

  afterAll(async () => {
    await api?.close();
    await directory.remove();
  });

  it('are made, work, and are listed without their secret', async () => {
    const expiresAt = '2126-01-31T12:00:00.000Z';
    const scopes = ['GALLERY_WRITE', 'GALLERY_READ', 'GALLERY_READ'];
    const made = await create(api, {
      label: ' door ',
      scopes,
      galleries: [galleries[1]],
      expiresAt,
    });
    expect(made.secret).toMatch(/^fg_[\w-]{43}$/);
    expect(made.key).toMatchObject({
      label: 'door',
      scopes: ['GALLERY_READ', 'GALLERY_WRITE'],
      galleries: [galleries[1]],
      expiresAt,
      lastUsedAt: null,
      revokedAt: null,
    });
    const seen = await api.run('{ galleries { edges { node { name } } } }', { key: made.secret });
    expect(seen.data.galleries.edges).toEqual([{ node: { name: 'b' } }]);
    const listed = (await list(api)).find(({ id }) => id === made.key.id);
    expect(listed).toEqual({ ...made.key, lastUsedAt: expect.stringMatching(/Z$/) });
    const rows = JSON.stringify(await api.database.client.apiKey.findMany());
    expect(rows).not.toContain(made.secret);
  });

  it.each([
    ['no scope', { scopes: [] }, 'InvalidInput'],
    ['a blank label', { label: ' ' }, 'InvalidInput'],
    ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'InvalidInput'],
    ['an empty list of galleries', { galleries: [] }, 'InvalidInput'],
    [
      'a gallery that is not there',
      { galleries: [Buffer.from('Gallery:x').toString('base64')] },
      'GalleryNotFound',
    ],
  ])('are not made with %s', async (_what, variables, type) => {
    const before = await list(api);
    expect((await create(api, variables)).__typename).toBe(type);
    expect(await list(api)).toEqual(before);
  });

  it.each(['2126-01-31', 'tomorrow', '2126-02-31T25:00:00Z', '2126-01-31T12:00:00'])(
    'take no expiry such as %s',
    async (expiresAt) => {
      const variables = { label: 'x', scopes: ['DETECT'], expiresAt };
      const { errors } = await api.run(CREATE, { variables });
      expect(errors?.[0].message).toContain('2026-01-31T12:00:00Z');
    },
  );

  it('stop working when they are revoked, for good', async () => {
    const { secret, key } = await create(api, {});
    expect((await api.run(HEALTH, { key: secret })).status).toBe(200);
    const revoked = await revoke(api, key.id);
    expect(revoked.revokedAt).toMatch(/Z$/);
    expect((await api.run(HEALTH, { key: secret })).status).toBe(401);
    expect(await revoke(api, key.id)).toEqual(revoked);
    const unknown = Buffer.from('ApiKey:x').toString('base64');
    expect((await revoke(api, unknown)).__typename).toBe('ApiKeyNotFound');
  });

  it('cannot all be taken away from those who manage them', async () => {
    const { id } = (await list(api)).find(({ label }) => label === 'test')!;
    await create(api, { scopes: ['ADMIN'], galleries: [galleries[0]] });
    await create(api, { scopes: ['ADMIN'], expiresAt: '2126-01-31T12:00:00Z' });
    expect((await revoke(api, id)).__typename).toBe('LastAdminKey');
    expect((await api.run(HEALTH)).status).toBe(200);
    const other = await create(api, { scopes: ['ADMIN'] });
    expect((await revoke(api, id, other.secret)).__typename).toBe('ApiKey');
    expect((await revoke(api, other.key.id, other.secret)).__typename).toBe('LastAdminKey');
    // For the tests that follow.
    await api.database.client.apiKey.updateMany({ data: { revokedAt: null } });
  });

  it('bound to galleries manage no keys, whatever their scopes', async () => {
    const { secret, key } = await create(api, { scopes: ['ADMIN'], galleries: [galleries[0]] });
    const variables = { label: 'wider', scopes: ['ADMIN'], id: key.id };
    for (const query of [LIST, CREATE, REVOKE]) {
      const { errors } = await api.run(query, { variables, key: secret });
      expect(errors?.[0].extensions?.code).toBe('Forbidden');
    }
    const node = await api.run(`{ node(id: "${key.id}") { id } }`, { key: secret });
    expect(node.errors?.[0].extensions?.code).toBe('Forbidden');
  });
});

describe.skipIf(POSTGRES_BIN === undefined)(
  `API keys of two processes on one PostgreSQL${POSTGRES_BIN ? '' : ' (PostgreSQL is not installed)'}`,
  () => {
    let server: Postgres;
    let a: Api;
    let b: Api;

    beforeAll(async () => {
      server = await startPostgres();
      const url = await server.database();
      a = await openApi(fakeEngine(), { directory: 'unused', url });
      b = await openApi(fakeEngine(), { directory: 'unused', url });
    });

    afterAll(async () => {
      await a?.close();
      await b?.close();
      await server?.stop();
    });

    it('stop working at once in the other process', async () => {
      const { secret, key } = await create(a, {});
      expect((await b.run(HEALTH, { key: secret })).status).toBe(200);
      await revoke(a, key.id);
      expect((await b.run(HEALTH, { key: secret })).status).toBe(401);
    });

    it('do not vanish when the last two admins revoke each other', async () => {
      const admins = await a.database.client.apiKey.findMany({
        where: { scopes: { has: 'admin' }, revokedAt: null },
      });
      expect(admins).toHaveLength(2);
      const answers = await Promise.allSettled([
        revokeKey(a.database.client, admins[1].id),
        revokeKey(b.database.client, admins[0].id),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const [refused] = answers.flatMap((a) => (a.status === 'rejected' ? [a.reason.code] : []));
      expect(refused).toBe('LastAdminKey');
    });
  },
);
