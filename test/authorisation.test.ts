import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../src/api/schema.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { createKey, SCOPES, type Scope } from '../src/faces/keys.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { globalId, type RootField, rootFields } from './api/rootFields.ts';

// What each root field asks for; a new field needs a row here.
const ROWS: Readonly<Record<string, Scope | 'any'>> = {
  health: 'any',
  models: 'any',
  detect: 'detect',
  verify: 'verify',
  identify: 'identify',
  node: 'gallery:read',
  nodes: 'gallery:read',
  gallery: 'gallery:read',
  galleries: 'gallery:read',
  createGallery: 'gallery:write',
  deleteGallery: 'gallery:write',
  createIdentity: 'gallery:write',
  deleteIdentity: 'gallery:write',
  enrolFace: 'gallery:write',
  deleteFace: 'gallery:write',
  identities: 'gallery:read',
  updateGallery: 'gallery:write',
  updateIdentity: 'gallery:write',
  enrolFaces: 'gallery:write',
  reassignFace: 'gallery:write',
  mergeIdentities: 'gallery:write',
  splitIdentity: 'gallery:write',
  unassignFaces: 'gallery:write',
  undoEdit: 'gallery:write',
  galleryHealth: 'gallery:read',
  eraseIdentity: 'gallery:write',
  erasures: 'audit',
  cluster: 'gallery:read',
  addUnknownFaces: 'gallery:write',
  acceptCluster: 'gallery:write',
  job: 'gallery:read',
  jobs: 'gallery:read',
  enrolInBulk: 'gallery:write',
  reembed: 'gallery:write',
  calibrate: 'gallery:write',
  maskReport: 'gallery:write',
  cancelJob: 'gallery:write',
  similarFaces: 'identify',
  embed: 'embed',
  searchByEmbedding: 'embed',
  kernelProfile: 'profile',
  searchEvents: 'audit',
  transfers: 'audit',
  apiKeys: 'admin',
  createApiKey: 'admin',
  revokeApiKey: 'admin',
};

// Queries that show something of a gallery to a key that may see it.
const TELLING = ['identify', 'node', 'nodes', 'gallery', 'galleries'];

// The cost of an operation, or its length.
const TOO_MUCH = /exceeds maximum|Document contains more/;

const FIELDS = rootFields(schema).map((field) => [field.name, field] as const);

describe('authorisation', () => {
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const keys = new Map<Scope, string>();

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
    for (const scope of SCOPES) keys.set(scope, await api.key(scope));
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  it('has a row for every root field, and the row says what the field says', () => {
    const said = FIELDS.map(([name, { scope }]) => [name, scope]);
    expect(Object.fromEntries(said)).toEqual(ROWS);
  });

  describe.each(FIELDS)('%s', (name, field) => {
    it.each(SCOPES)('and a key for %s', async (scope) => {
      const allowed = [scope, 'any'].includes(ROWS[name]) || scope === 'admin';
      const { errors = [] } = await api.run(field.operation(), { key: keys.get(scope) });
      const codes = errors.map(({ extensions }) => extensions?.code);
      if (allowed) expect(codes).not.toContain('Forbidden');
      else expect(codes).toEqual(['Forbidden']);
    });

    it.each([
      ['no key', null],
      ['an unknown key', 'fg_unknown'],
    ])('and %s', async (_what, key) => {
      const { status, data, errors } = await api.run(field.operation(), { key });
      expect(status).toBe(401);
      expect(data?.[name] ?? null).toBeNull();
      expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['Unauthenticated']);
    });
  });

  describe('of a key bound to a gallery', () => {
    const MARK = 'somebody-of-theirs';
    let bound: string;
    let ids: Record<string, string>;

    beforeAll(async () => {
      const enrol = `mutation ($image: ImageInput!, $new: NewIdentity!) {
        enrolFace(image: $image, identity: { new: $new }) { ... on Face { id } } }`;
      for (const [name, who, colour] of [
        ['ours', 'somebody-of-ours', PEOPLE.red],
        ['theirs', MARK, PEOPLE.green],
      ] as const) {
        await api.run(`mutation { createGallery(name: "${name}") { __typename } }`);
        const variables = { new: { gallery: { name }, name: who } };
        await api.run(enrol, { variables, files: { 'image.file': picture(colour) } });
      }
      const db = api.database.client;
      const ours = await db.gallery.findUniqueOrThrow({ where: { name: 'ours' } });
      const theirs = await db.face.findFirstOrThrow({ where: { identity: { name: MARK } } });
      ids = {
        Gallery: globalId('Gallery', theirs.galleryId),
        Identity: globalId('Identity', theirs.identityId!),
        Face: globalId('Face', theirs.id),
      };
      bound = await createKey(db, { label: 'bound', scopes: ['admin'], galleries: [ours.id] });
    });

    // As deep as the server lets us look.
    const ask = async ({ operation }: RootField, key: string) => {
      for (let depth = 5; ; depth--) {
        const answer = JSON.stringify(await api.run(operation({ ids, depth }), { key }));
        if (depth === 0 || !TOO_MUCH.test(answer)) return answer;
      }
    };
    const theirs = () => [MARK, '"theirs"', ...Object.values(ids)];
    const everything = () =>
      api.database.client.gallery.findUniqueOrThrow({
        where: { name: 'theirs' },
        include: { identities: true, faces: true },
      });

    it.each(FIELDS)('%s neither shows nor changes another', async (_name, field) => {
      const before = await everything();
      const answer = await ask(field, bound);
      expect(theirs().filter((part) => answer.includes(part))).toEqual([]);
      expect(answer).not.toContain('Unexpected error.');
      expect(await everything()).toEqual(before);
    });

    it('a key that is bound to none sees what the other must not', async () => {
      const telling: string[] = [];
      for (const [name, field] of FIELDS.filter(([, { kind }]) => kind === 'query')) {
        const answer = await ask(field, api.admin);
        if (theirs().some((part) => answer.includes(part))) telling.push(name);
      }
      expect(telling).toEqual(expect.arrayContaining(TELLING));
    });

    it('shows its own', async () => {
      const { data } = await api.run('{ galleries { edges { node { name } } } }', { key: bound });
      expect(data.galleries.edges).toEqual([{ node: { name: 'ours' } }]);
    });
  });
});
