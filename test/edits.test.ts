import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { mergeIdentities, reassignFace, splitIdentity } from '../src/faces/gallery/edits.ts';
import type { Service } from '../src/faces/gallery/galleries.ts';
import { createIndexes } from '../src/faces/gallery/indexes.ts';
import { undoEdit } from '../src/faces/gallery/undoEdit.ts';
import { createKey } from '../src/faces/keys.ts';
import { type Colour, type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const { red, green, blue } = PEOPLE;
const PINK: Colour = [200, 40, 90];

const EDITED = `__typename
  ... on EditedIdentity { edit { id kind from to faces removedName undoneAt } identity { id name labels faceCount } }
  ... on Failure { message }`;
const REASSIGN = `mutation ($face: ID!, $to: FaceReceiver!) { reassignFace(face: $face, to: $to) { ${EDITED} } }`;
const MERGE = `mutation ($from: ID!, $into: ID!) { mergeIdentities(from: $from, into: $into) { ${EDITED} } }`;
const SPLIT = `mutation ($identity: ID!, $faces: [ID!]!, $new: NewPerson!) {
  splitIdentity(identity: $identity, faces: $faces, new: $new) { ${EDITED} } }`;
const UNDO = `mutation ($id: ID!) { undoEdit(id: $id) {
  __typename ... on Edit { id undoneAt } ... on Failure { message } } }`;
const IDENTIFY = `query ($image: ImageInput!) { identify(image: $image, gallery: { name: "crew" }) {
  ... on Identification { faces { match { identity { name } } } } } }`;

interface Person {
  readonly id: string;
  readonly faces: string[];
}

describe('edits', () => {
  let engine: FakeEngine;
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    engine = fakeEngine();
    api = await openApi(engine, { directory: directory.path });
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  beforeEach(async () => {
    await api.database.client.gallery.deleteMany();
    await api.indexes.followAll();
    for (const name of ['crew', 'staff'])
      await api.run(`mutation { createGallery(name: "${name}") { __typename } }`);
  });

  const local = (global: string) => Buffer.from(global, 'base64').toString().split(':')[1];

  /** Enters a person with a face of each colour. */
  async function enter(
    name: string,
    colours: readonly Colour[],
    more: object = {},
    gallery = 'crew',
  ): Promise<Person> {
    const create = `mutation ($name: String!, $gallery: GalleryBy!, $externalId: String, $labels: [String!], $consent: ConsentInput) {
      createIdentity(name: $name, gallery: $gallery, externalId: $externalId, labels: $labels, consent: $consent) { ... on Identity { id } } }`;
    const variables = { name, gallery: { name: gallery }, ...more };
    const { id } = (await api.run(create, { variables })).data.createIdentity;
    const faces: string[] = [];
    for (const colour of colours) {
      const query = `mutation ($image: ImageInput!, $id: ID!) { enrolFace(image: $image, identity: { id: $id }) { ... on Face { id } } }`;
      const files = { 'image.file': picture(colour) };
      faces.push((await api.run(query, { variables: { id }, files })).data.enrolFace.id);
    }
    return { id, faces };
  }

  const call = async (query: string, variables: object, key?: string) => {
    const { data } = await api.run(query, { variables: { ...variables }, key });
    return Object.values(data)[0] as Awaited<ReturnType<Api['run']>>['data'];
  };
  const undo = (id: string, key?: string) => call(UNDO, { id }, key);
  const nameOf = async (colour: Colour) => {
    const files = { 'image.file': picture(colour) };
    const { data } = await api.run(IDENTIFY, { files });
    return data.identify.faces[0].match?.identity.name ?? null;
  };
  /** Everything that undoing must bring back, templates too. */
  const state = async () => ({
    identities: await api.database.client.identity.findMany({ orderBy: { id: 'asc' } }),
    faces: await api.database.client.face.findMany({ orderBy: { id: 'asc' } }),
  });
  const expectIndexLikeNew = async () => {
    const anew = createIndexes(api.database.client, engine);
    await anew.followAll();
    const probe = [Float32Array.of(0.48, 0.6, 0.64)];
    for (const { id } of await api.database.client.gallery.findMany())
      for (const rankBy of ['face', 'template'] as const) {
        const [here, there] = await Promise.all(
          [api.indexes, anew].map(async (indexes) => {
            const options = { top: 20, threshold: 2, rankBy };
            const [{ candidates }] = await indexes.identify(id, probe, options);
            // Of equally near ones either may come first.
            return [...candidates].sort((a, b) => (a.identity < b.identity ? -1 : 1));
          }),
        );
        expect(here).toEqual(there);
      }
  };

  it('give a face to somebody else, and back', async () => {
    const r = await enter('Red', [red, green]);
    const g = await enter('Green', [PINK]);
    const before = await state();
    const [, face] = r.faces;
    const edited = await call(REASSIGN, { face, to: { id: g.id } });
    expect(edited).toMatchObject({
      edit: { kind: 'REASSIGN', from: r.id, to: g.id, faces: [face], removedName: null },
      identity: { id: g.id, faceCount: 2 },
    });
    expect(await nameOf(green)).toBe('Green');
    expect((await call(REASSIGN, { face, to: { id: g.id } })).__typename).toBe('InvalidInput');
    expect(await undo(edited.edit.id)).toMatchObject({ undoneAt: expect.any(String) });
    expect(await nameOf(green)).toBe('Red');
    expect(await state()).toEqual(before);
    await expectIndexLikeNew();
    expect(await undo(edited.edit.id)).toMatchObject({
      __typename: 'EditConflict',
      message: expect.stringContaining('undone already'),
    });
  });

  it('give a face of nobody to somebody, and back to nobody', async () => {
    const r = await enter('Red', [red]);
    const add = `mutation ($image: ImageInput!) { addUnknownFaces(gallery: { name: "crew" }, image: $image) { ... on AddedFaces { added { id } } } }`;
    const { data } = await api.run(add, { files: { 'image.file': picture(green) } });
    const face = data.addUnknownFaces.added[0].id;
    const before = await state();
    expect(await nameOf(green)).not.toBe('Red');
    const edited = await call(REASSIGN, { face, to: { id: r.id } });
    expect(edited).toMatchObject({ edit: { from: null, to: r.id }, identity: { faceCount: 2 } });
    expect(await nameOf(green)).toBe('Red');
    expect(await undo(edited.edit.id)).toMatchObject({ undoneAt: expect.any(String) });
    expect(await state()).toEqual(before);
    await expectIndexLikeNew();
  });

  it('give a face to somebody new, who goes when it is undone', async () => {
    const r = await enter('Red', [red, green]);
    const before = await state();
    const to = { new: { name: 'Green', externalId: 'g', labels: ['a'], consent: { basis: 'b' } } };
    const edited = await call(REASSIGN, { face: r.faces[1], to });
    expect(edited.identity).toMatchObject({ name: 'Green', labels: ['a'], faceCount: 1 });
    expect(await nameOf(green)).toBe('Green');
    expect((await undo(edited.edit.id)).__typename).toBe('Edit');
    expect(await state()).toEqual(before);
  });

  it('make two people one, and two again with all that was known of both', async () => {
    const consent = {
      basis: 'form',
      recordedAt: '2026-01-01T00:00:00.123Z',
      expiresAt: '2027-01-01T00:00:00Z',
    };
    const r = await enter('Red', [red, PINK], { externalId: 'r', labels: ['x', 'y'], consent });
    const g = await enter('Green', [green], { externalId: 'g', labels: ['y', 'z'] });
    const before = await state();
    const edited = await call(MERGE, { from: r.id, into: g.id });
    expect(edited).toMatchObject({
      edit: { kind: 'MERGE', from: r.id, to: g.id, faces: r.faces, removedName: 'Red' },
      identity: { name: 'Green', labels: ['y', 'z', 'x'], faceCount: 3 },
    });
    expect(await nameOf(red)).toBe('Green');
    await expectIndexLikeNew();
    expect((await undo(edited.edit.id)).__typename).toBe('Edit');
    expect(await state()).toEqual(before);
    expect(await nameOf(red)).toBe('Red');
    await expectIndexLikeNew();
  });

  it('make somebody new of some faces of a person, and one again', async () => {
    const r = await enter('Red', [red, green, blue]);
    const before = await state();
    const faces = r.faces.slice(1);
    const edited = await call(SPLIT, { identity: r.id, faces, new: { name: 'Cold' } });
    expect(edited).toMatchObject({
      edit: { kind: 'SPLIT', from: r.id, faces },
      identity: { name: 'Cold', faceCount: 2 },
    });
    expect([await nameOf(red), await nameOf(blue)]).toEqual(['Red', 'Cold']);
    const other = await enter('Other', [PINK]);
    for (const wrong of [[r.faces[0], ...other.faces], faces])
      expect(
        (await call(SPLIT, { identity: r.id, faces: wrong, new: { name: 'X' } })).__typename,
      ).toBe('FaceNotFound');
    expect((await call(SPLIT, { identity: r.id, faces: [], new: { name: 'X' } })).__typename).toBe(
      'InvalidInput',
    );
    await api.database.client.identity.delete({ where: { id: local(other.id) } });
    expect((await undo(edited.edit.id)).__typename).toBe('Edit');
    expect(await state()).toEqual(before);
  });

  it.each<[string, string, (r: Person, g: Person) => Promise<unknown>]>([
    [
      'a face was moved on',
      'moved or deleted',
      (r) => call(REASSIGN, { face: r.faces[0], to: { new: { name: 'Third' } } }),
    ],
    [
      'a face was deleted',
      'moved or deleted',
      (r) => api.run(`mutation { deleteFace(id: "${r.faces[0]}") { __typename } }`),
    ],
    [
      'the labels were changed',
      'labels',
      (_r, g) =>
        api.run(`mutation { updateIdentity(id: "${g.id}", labels: ["new"]) { __typename } }`),
    ],
    ['the external id was taken', 'external id r', () => enter('New', [], { externalId: 'r' })],
  ])('cannot undo a merge when %s', async (_what, message, meanwhile) => {
    const r = await enter('Red', [red], { externalId: 'r', labels: ['x'] });
    const g = await enter('Green', [green]);
    const edited = await call(MERGE, { from: r.id, into: g.id });
    await meanwhile(r, g);
    const before = await state();
    const answer = await undo(edited.edit.id);
    expect(answer.__typename).toBe('EditConflict');
    expect(answer.message).toContain(message);
    expect(await state()).toEqual(before);
    await expectIndexLikeNew();
  });

  it.each<[string, string, (r: Person, made: string) => Promise<unknown>]>([
    [
      'the new person was renamed',
      'changed since',
      (_r, made) =>
        api.run(`mutation { updateIdentity(id: "${made}", name: "Other") { __typename } }`),
    ],
    [
      'the new person has another face',
      'more faces',
      (r, made) => call(REASSIGN, { face: r.faces[0], to: { id: made } }),
    ],
    [
      'the old person was merged away',
      'that had the faces is gone',
      async (r) => call(MERGE, { from: r.id, into: (await enter('Third', [])).id }),
    ],
    [
      'the new person was merged away',
      'moved or deleted',
      async (_r, made) => call(MERGE, { from: made, into: (await enter('Third', [])).id }),
    ],
  ])('cannot undo a split when %s', async (_what, message, meanwhile) => {
    const r = await enter('Red', [red, green]);
    const edited = await call(SPLIT, {
      identity: r.id,
      faces: [r.faces[1]],
      new: { name: 'Green' },
    });
    await meanwhile(r, edited.identity.id);
    const before = await state();
    const answer = await undo(edited.edit.id);
    expect(answer).toMatchObject({
      __typename: 'EditConflict',
      message: expect.stringContaining(message),
    });
    expect(await state()).toEqual(before);
  });

  it('go with the people they are of', async () => {
    const r = await enter('Red', [red, green]);
    const faces = [r.faces[1]];
    const edited = await call(SPLIT, { identity: r.id, faces, new: { name: 'Green' } });
    await api.run(`mutation { deleteIdentity(id: "${r.id}") { __typename } }`);
    expect((await undo(edited.edit.id)).__typename).toBe('EditNotFound');
    expect(await nameOf(green)).toBe('Green');
  });

  it('reach no other gallery, by whatever key', async () => {
    const r = await enter('Red', [red, green]);
    const there = await enter('There', [red], {}, 'staff');
    const { id } = await api.database.client.gallery.findUniqueOrThrow({
      where: { name: 'staff' },
    });
    const bound = await createKey(api.database.client, {
      label: 'staff',
      scopes: ['admin'],
      galleries: [id],
    });
    const other = await enter('Other', [blue]);
    const done = await call(REASSIGN, { face: r.faces[1], to: { id: other.id } });
    const before = await state();
    const notFound = async (type: string, query: string, variables: object, key?: string) =>
      expect((await call(query, variables, key)).__typename).toBe(type);
    for (const key of [api.admin, bound]) {
      await notFound('IdentityNotFound', MERGE, { from: r.id, into: there.id }, key);
      await notFound('IdentityNotFound', MERGE, { from: there.id, into: r.id }, key);
    }
    await notFound('IdentityNotFound', REASSIGN, { face: r.faces[0], to: { id: there.id } });
    await notFound('FaceNotFound', REASSIGN, { face: r.faces[0], to: { id: there.id } }, bound);
    await notFound('IdentityNotFound', MERGE, { from: r.id, into: other.id }, bound);
    const split = { identity: r.id, faces: r.faces.slice(0, 1), new: { name: 'X' } };
    await notFound('IdentityNotFound', SPLIT, split, bound);
    const foreign = { identity: there.id, faces: r.faces.slice(0, 1), new: { name: 'X' } };
    await notFound('FaceNotFound', SPLIT, foreign, bound);
    await notFound('EditNotFound', UNDO, { id: done.edit.id }, bound);
    expect(await state()).toEqual(before);
    const node = `{ node(id: "${done.edit.id}") { id } }`;
    expect((await api.run(node, { key: bound })).data.node).toBeNull();
    expect((await api.run(node)).data.node).toEqual({ id: done.edit.id });
  });

  it('are listed, newest first', async () => {
    const r = await enter('Red', [red, green]);
    const split = await call(SPLIT, {
      identity: r.id,
      faces: [r.faces[1]],
      new: { name: 'Green' },
    });
    await call(MERGE, { from: split.identity.id, into: r.id });
    const { data } = await api.run(
      `{ gallery(by: { name: "crew" }) { edits(first: 5) { totalCount edges { node { kind } } } } }`,
    );
    expect(data.gallery.edits).toEqual({
      totalCount: 2,
      edges: [{ node: { kind: 'MERGE' } }, { node: { kind: 'SPLIT' } }],
    });
  });

  it('undone from the last to the first lead back to where they began, whatever they were', async () => {
    const service: Service = {
      db: api.database.client,
      engine,
      indexes: api.indexes,
      galleries: null,
    };
    const people = [
      await enter('A', [red, PINK], { labels: ['a'], externalId: 'a' }),
      await enter('B', [green], { labels: ['b'] }),
      await enter('C', [blue, [140, 20, 90]]),
    ];
    const faces = people.flatMap((person) => person.faces.map(local));
    const before = await state();
    const operation = fc.record({
      kind: fc.constantFrom('reassign', 'reassignNew', 'merge', 'split'),
      face: fc.nat(faces.length - 1),
      a: fc.nat(10),
      b: fc.nat(10),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 3, maxLength: 10 }), async (operations) => {
        const done: string[] = [];
        for (const { kind, face, a, b } of operations) {
          const alive = await api.database.client.identity.findMany({ include: { faces: true } });
          const [one, two] = [alive[a % alive.length], alive[b % alive.length]];
          const attempt = {
            reassign: () => reassignFace(service, faces[face], { id: one.id }),
            reassignNew: () => reassignFace(service, faces[face], { new: { name: 'New' } }),
            merge: () => mergeIdentities(service, one.id, two.id),
            split: () =>
              splitIdentity(
                service,
                one.id,
                one.faces.slice(0, 1 + (b % 2)).map(({ id }) => id),
                { name: 'Split', labels: ['s'] },
              ),
          }[kind];
          const edited = await attempt().catch((error) => {
            expect(error.code).toBe('InvalidInput');
            return undefined;
          });
          if (edited) done.push(edited.edit);
        }
        await expectIndexLikeNew();
        for (const id of done.reverse()) await undoEdit(service, id);
        expect(await state()).toEqual(before);
        await expectIndexLikeNew();
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
});
