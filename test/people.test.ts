import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { createKey } from '../src/faces/keys.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const PERSON = 'id name externalId labels consent { basis recordedAt expiresAt } faceCount';
const CREATE = `mutation ($gallery: GalleryBy!, $name: String!, $externalId: String, $labels: [String!], $consent: ConsentInput) {
  createIdentity(gallery: $gallery, name: $name, externalId: $externalId, labels: $labels, consent: $consent) {
    __typename ... on Identity { ${PERSON} } ... on Failure { message } }
}`;
const UPDATE = `mutation ($id: ID!, $name: String, $externalId: String, $labels: [String!], $consent: ConsentInput) {
  updateIdentity(id: $id, name: $name, externalId: $externalId, labels: $labels, consent: $consent) {
    __typename ... on Identity { ${PERSON} } ... on Failure { message } }
}`;
const UPDATE_GALLERY = `mutation ($id: ID!, $name: String, $threshold: Float) {
  updateGallery(id: $id, name: $name, threshold: $threshold) { __typename ... on Gallery { name threshold } ... on Failure { message } }
}`;
const LIST = `query ($filter: IdentityFilter) {
  identities(filter: $filter) { totalCount edges { node { name } } }
}`;

describe('people of a gallery', () => {
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const galleries: Record<string, string> = {};

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
    for (const name of ['crew', 'staff']) {
      const { data } = await api.run(
        `mutation { createGallery(name: "${name}") { ... on Gallery { id } } }`,
      );
      galleries[name] = data.createGallery.id;
    }
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const create = async (variables: object, gallery = 'crew') =>
    (await api.run(CREATE, { variables: { gallery: { name: gallery }, ...variables } })).data
      .createIdentity;
  const update = async (variables: object, key?: string) =>
    (await api.run(UPDATE, { variables: { ...variables }, key })).data.updateIdentity;
  const names = async (filter: object, key?: string) => {
    const { data } = await api.run(LIST, { variables: { filter }, key });
    expect(data.identities.totalCount).toBe(data.identities.edges.length);
    return data.identities.edges.map(({ node }: { node: { name: string } }) => node.name);
  };
  /** A key for everything that is bound to one of the galleries. */
  const boundTo = async (gallery: string) => {
    const { id } = await api.database.client.gallery.findUniqueOrThrow({
      where: { name: gallery },
    });
    return createKey(api.database.client, { label: gallery, scopes: ['admin'], galleries: [id] });
  };

  it('are entered with labels and consent', async () => {
    const consent = {
      basis: 'form 7',
      recordedAt: '2026-01-31T13:00:00+01:00',
      expiresAt: '2027-01-31T00:00Z',
    };
    const labels = [' night ', 'night', 'pilot'];
    expect(await create({ name: 'Ann_Bell', externalId: 'a-1', labels, consent })).toMatchObject({
      name: 'Ann_Bell',
      labels: ['night', 'pilot'],
      consent: {
        basis: 'form 7',
        recordedAt: '2026-01-31T12:00:00.000Z',
        expiresAt: '2027-01-31T00:00:00.000Z',
      },
      faceCount: 0,
    });
    const before = Date.now();
    const { consent: given } = await create({ name: 'Anne', consent: { basis: 'contract' } });
    expect(given.expiresAt).toBeNull();
    expect(Date.parse(given.recordedAt)).toBeGreaterThanOrEqual(before);
    expect(await create({ name: 'Cyd' }, 'staff')).toMatchObject({ labels: [], consent: null });
  });

  it('are entered with their first face too', async () => {
    const query = `mutation ($image: ImageInput!, $identity: EnrolIdentity!) {
      enrolFace(image: $image, identity: $identity) { ... on Face { identity { ${PERSON} } } } }`;
    const person = {
      gallery: { name: 'crew' },
      name: 'Red',
      labels: ['pilot'],
      consent: { basis: 'b' },
    };
    const files = { 'image.file': picture(PEOPLE.red) };
    const { data } = await api.run(query, { variables: { identity: { new: person } }, files });
    expect(data.enrolFace.identity).toMatchObject({
      labels: ['pilot'],
      consent: { basis: 'b' },
      faceCount: 1,
    });
  });

  it.each([
    ['part of the name, in whatever case', { name: 'anN' }, ['Ann_Bell', 'Anne']],
    ['a name with an underscore, which is no wildcard', { name: 'n_b' }, ['Ann_Bell']],
    ['a name with a percent sign, which is no wildcard', { name: 'a%b' }, []],
    ['a name with a backslash', { name: 'a\\' }, []],
    ['label', { label: 'pilot' }, ['Ann_Bell', 'Red']],
    ['external id', { externalId: 'a-1' }, ['Ann_Bell']],
    ['name and label', { name: 'e', label: 'pilot' }, ['Ann_Bell', 'Red']],
    ['nothing', {}, ['Ann_Bell', 'Anne', 'Cyd', 'Red']],
  ])('are found by %s', async (_what, filter, found) => {
    expect(await names(filter)).toEqual(found);
    const query = `query ($filter: IdentityFilter) { gallery(by: { name: "crew" }) {
      identities(filter: $filter) { totalCount edges { node { name } } } } }`;
    const { data } = await api.run(query, { variables: { filter } });
    const { edges, totalCount } = data.gallery.identities;
    const here = found.filter((name) => name !== 'Cyd');
    expect(edges.map(({ node }: { node: { name: string } }) => node.name)).toEqual(here);
    expect(totalCount).toBe(here.length);
  });

  it('are changed, in what is given', async () => {
    const { id } = await create({ name: 'Dan', externalId: 'd-1', labels: ['x'] });
    expect(await update({ id, name: ' Daniel ', consent: { basis: 'form' } })).toMatchObject({
      name: 'Daniel',
      externalId: 'd-1',
      labels: ['x'],
      consent: { basis: 'form' },
    });
    expect(await update({ id, externalId: null, labels: [], consent: null })).toMatchObject({
      name: 'Daniel',
      externalId: null,
      labels: [],
      consent: null,
    });
    expect(await update({ id, externalId: 'a-1' })).toMatchObject({ __typename: 'NameTaken' });
  });

  it.each([
    ['a blank name', { name: ' ' }],
    ['a name with U+0000', { name: 'a\0b' }],
    ['an empty external id', { externalId: '' }],
    ['an empty label', { labels: [''] }],
    ['51 labels', { labels: Array.from({ length: 51 }, (_, i) => `label ${i}`) }],
    ['a blank basis', { consent: { basis: ' ' } }],
    [
      'consent that ends before it begins',
      {
        consent: {
          basis: 'x',
          recordedAt: '2026-01-02T00:00:00Z',
          expiresAt: '2026-01-01T00:00:00Z',
        },
      },
    ],
  ])('are not changed to %s', async (_what, variables) => {
    const { id } = (await api.database.client.identity.findFirst())!;
    const global = Buffer.from(`Identity:${id}`).toString('base64');
    expect((await update({ id: global, ...variables })).__typename).toBe('InvalidInput');
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '0000-01-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    'yesterday',
    1767225600000,
  ])('do not take %s for a moment', async (recordedAt) => {
    const consent = { basis: 'x', recordedAt };
    for (const answer of [
      await api.run(CREATE, { variables: { gallery: { name: 'crew' }, name: 'x', consent } }),
      await api.run(
        `mutation { createIdentity(gallery: { name: "crew" }, name: "x", consent: { basis: "x", recordedAt: ${JSON.stringify(recordedAt)} }) { __typename } }`,
      ),
    ]) {
      expect(answer.status).toBeLessThan(500);
      expect(answer.errors?.[0].extensions?.code).toBe('InvalidInput');
      expect(answer.errors?.[0].message).toContain('ISO 8601');
    }
  });

  it('are neither listed nor changed by a key for another gallery', async () => {
    const key = await boundTo('staff');
    expect(await names({}, key)).toEqual(['Cyd']);
    const { id } = await create({ name: 'Eve' });
    expect((await update({ id, name: 'Eva' }, key)).__typename).toBe('IdentityNotFound');
    expect(await names({ name: 'Eve' })).toEqual(['Eve']);
  });

  it('belong to a gallery that can be changed', async () => {
    const change = async (variables: object, key?: string) =>
      (await api.run(UPDATE_GALLERY, { variables: { ...variables }, key })).data.updateGallery;
    const id = galleries.staff;
    expect(await change({ id, threshold: 0.3 })).toMatchObject({ name: 'staff', threshold: 0.3 });
    expect(await change({ id, name: 'office' })).toMatchObject({ name: 'office', threshold: 0.3 });
    expect(await change({ id, threshold: null })).toMatchObject({
      name: 'office',
      threshold: null,
    });
    expect((await change({ id, name: 'crew' })).__typename).toBe('NameTaken');
    expect((await change({ id, threshold: 3 })).__typename).toBe('InvalidInput');
    expect((await change({ id, name: 'x' }, await boundTo('crew'))).__typename).toBe(
      'GalleryNotFound',
    );
  });
});
