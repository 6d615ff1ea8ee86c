import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { createIndexes } from '../src/faces/gallery/indexes.ts';
import { densityGroups, type Item, type Link } from '../src/faces/search/density.ts';
import { type Colour, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { boundKey, createGallery, enrolNew, rowId } from './api/gallery.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const REACH = 10;

/** Points of a line: those within reach of each other are linked. */
function linked(points: readonly number[]): Link[] {
  const links: Link[] = [];
  for (const [a, p] of points.entries())
    for (const [b, q] of points.entries())
      if (a < b && Math.abs(p - q) <= REACH) links.push({ a, b, distance: Math.abs(p - q) });
  return links;
}

const items = (photographs: readonly string[]): Item[] =>
  photographs.map((photograph, i) => ({ id: `face ${String(i).padStart(3, '0')}`, photograph }));

const apart = (points: readonly number[]) => items(points.map((_, i) => `photograph ${i}`));

/** DBSCAN as in the books, a border point with its nearest core. */
function reference(points: readonly number[], minSize: number): number[][] {
  const near = points.map((p) => points.flatMap((q, j) => (Math.abs(p - q) <= REACH ? [j] : [])));
  const core = near.map((some) => some.length >= minSize);
  const label = points.map(() => -1);
  const walk = (i: number, to: number) => {
    if (label[i] >= 0) return;
    label[i] = to;
    for (const j of near[i]) if (core[j]) walk(j, to);
  };
  for (const i of points.keys()) if (core[i]) walk(i, i);
  points.forEach((p, i) => {
    const [nearest] = near[i]
      .filter((j) => core[j])
      .sort((a, b) => Math.abs(p - points[a]) - Math.abs(p - points[b]) || a - b);
    if (!core[i] && nearest !== undefined) label[i] = label[nearest];
  });
  return [...new Set(label.filter((l) => l >= 0))]
    .map((l) => label.flatMap((other, i) => (other === l ? [i] : [])))
    .sort((a, b) => b.length - a.length || a[0] - b[0]);
}

describe('density groups', () => {
  it('find dense faces, take their borders in, and leave the lonely out', () => {
    //              a dense group   its border  lonely   a pair
    const points = [0, 4, 8, 300, 18, 200, 400, 404, 303, 306];
    expect(densityGroups(apart(points), linked(points), 3)).toEqual([
      [0, 1, 2, 4],
      [3, 8, 9],
    ]);
    expect(densityGroups(apart(points), linked(points), 2)).toHaveLength(3);
  });

  it('keep two faces of one photograph apart, the nearer one stays', () => {
    const points = [0, 1, 2, 5];
    const some = items(['a', 'b', 'c', 'a']);
    expect(densityGroups(some, linked(points), 2)).toEqual([[0, 1, 2]]);
  });

  it('do not count two neighbours of one photograph as two', () => {
    const points = [0, 1, 2];
    expect(densityGroups(items(['a', 'b', 'b']), linked(points), 3)).toEqual([]);
  });

  const points = fc.array(fc.nat(200), { maxLength: 40 });
  const size = fc.integer({ min: 2, max: 5 });

  it('are those of DBSCAN when every face has its own photograph', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(200), { maxLength: 40 }), size, (some, minSize) => {
        expect(densityGroups(apart(some), linked(some), minSize)).toEqual(reference(some, minSize));
      }),
    );
  });

  it('have no photograph twice and no face twice, whatever the order of faces and links', () => {
    const shuffle = fc.array(fc.nat(), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(points, size, fc.nat(20), shuffle, (some, minSize, photographs, keys) => {
        const all = items(some.map((p, i) => String((p * 7 + i) % (photographs + 1))));
        const groups = densityGroups(all, linked(some), minSize);
        expect(groups.flat()).toHaveLength(new Set(groups.flat()).size);
        for (const group of groups) {
          expect(group.length).toBeGreaterThanOrEqual(minSize);
          expect(new Set(group.map((i) => all[i].photograph)).size).toBe(group.length);
        }
        const order = some.map((_, i) => i).sort((a, b) => keys[a] - keys[b]);
        const moved = densityGroups(
          order.map((i) => all[i]),
          linked(order.map((i) => some[i])).map(({ a, b, distance }) => ({ a: b, b: a, distance })),
          minSize,
        );
        expect(moved.map((group) => group.map((i) => order[i]))).toEqual(groups);
      }),
    );
  });
});

const ADD = `mutation ($image: ImageInput!, $gallery: GalleryBy!, $once: String) { addUnknownFaces(gallery: $gallery, image: $image, idempotencyKey: $once) {
  __typename ... on AddedFaces { added { id box { x } identity { name } } known { id identity { name } } } ... on Failure { message } } }`;
const CLUSTER = `query ($gallery: GalleryBy!, $minSize: Int! = 3, $threshold: Float, $first: Int! = 20) {
  cluster(gallery: $gallery, minSize: $minSize, threshold: $threshold, first: $first) {
    __typename ... on Clusters { threshold considered found clusters { tightness faces { id } } } ... on Failure { message } } }`;
const ACCEPT = `mutation ($faces: [ID!]!, $identity: EnrolIdentity!, $once: String) { acceptCluster(faces: $faces, identity: $identity, idempotencyKey: $once) {
  __typename ... on Identity { id name faces { totalCount } } ... on Failure { message } } }`;
const IDENTIFY = `query ($image: ImageInput!, $gallery: GalleryBy!) { identify(image: $image, gallery: $gallery) {
  ... on Identification { faces { match { identity { name } face { id } } candidates { identity { name } } } } } }`;
const SIMILAR = `query ($face: ID!) { similarFaces(face: $face) { ... on SimilarFaces { faces { face { id identity { name } } } } } }`;

const { red, green, blue } = PEOPLE;

describe('faces of nobody known', () => {
  const engine = fakeEngine();
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let gallery: string;
  let key: string;
  let red1: string;
  let reds: string[];

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(engine, { directory: directory.path });
    gallery = await createGallery(api, 'crowd');
    key = await boundKey(api, [gallery], 'gallery:read', 'gallery:write', 'identify');
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const add = async (...colours: readonly Colour[]) => {
    const files = { 'image.file': picture(...colours) };
    const variables = { gallery: { id: gallery } };
    return (await api.run(ADD, { key, files, variables })).data.addUnknownFaces;
  };
  const cluster = async (more: object = {}) =>
    (await api.run(CLUSTER, { key, variables: { gallery: { name: 'crowd' }, ...more } })).data
      .cluster;
  const accept = async (faces: readonly string[], identity: object) =>
    (await api.run(ACCEPT, { key, variables: { faces, identity } })).data.acceptCluster;
  const identify = async (colour: Colour) => {
    const files = { 'image.file': picture(colour) };
    const { data } = await api.run(IDENTIFY, {
      key,
      files,
      variables: { gallery: { id: gallery } },
    });
    return data.identify.faces[0];
  };

  it('are stored for every face of a photograph, once, and are no match for anybody', async () => {
    const { added, known } = await add(red, green, [180, 60, 90]);
    expect(known).toEqual([]);
    expect(added).toMatchObject([
      { box: { x: 0 }, identity: null },
      { box: { x: 64 }, identity: null },
      { box: { x: 128 }, identity: null },
    ]);
    red1 = added[0].id;
    const again = await add(red, green, [180, 60, 90]);
    expect(again).toMatchObject({
      added: [],
      known: added.map(({ id }: { id: string }) => ({ id })),
    });
    await enrolNew(api, gallery, 'Blue', picture(blue));
    const { match, candidates } = await identify(red);
    expect(match).toBeNull();
    expect(candidates).toEqual([{ identity: { name: 'Blue' } }]);
    const { data } = await api.run(
      `{ gallery(by: { name: "crowd" }) { faceCount unassignedFaces { totalCount edges { node { id } } } } }`,
      { key },
    );
    expect(data.gallery.faceCount).toBe(1);
    expect(data.gallery.unassignedFaces.totalCount).toBe(3);
    expect((await add()).__typename).toBe('NoFaceFound');
  });

  it('are similar faces, of themselves and of people', async () => {
    const { data } = await api.run(SIMILAR, { key, variables: { face: red1 } });
    const whose = data.similarFaces.faces.map(
      ({ face }: { face: { identity: { name: string } | null } }) => face.identity?.name ?? null,
    );
    expect(whose.sort()).toEqual(['Blue', null, null].sort());
  });

  it('are proposed as people, one face of a photograph each', async () => {
    await add([215, 35, 35], green);
    await add([30, 215, 35]);
    await add([225, 25, 35]);
    await add([100, 100, 250]);
    const { threshold, considered, found, clusters } = await cluster();
    expect([threshold, considered, found]).toEqual([0.1, 8, 2]);
    expect(clusters.map(({ faces }: { faces: object[] }) => faces.length)).toEqual([3, 3]);
    for (const { tightness } of clusters) {
      expect(tightness).toBeGreaterThan(0);
      expect(tightness).toBeLessThan(0.01);
    }
    const groups: string[][] = clusters.map(({ faces }: { faces: { id: string }[] }) =>
      faces.map(({ id }) => id),
    );
    for (const ids of groups) {
      const where = { id: { in: ids.map(rowId) } };
      const faces = await api.database.client.face.findMany({ where });
      expect(new Set(faces.map(({ imageHash }) => imageHash)).size).toBe(3);
    }
    reds = groups.find((ids) => ids.includes(red1))!;
    expect(reds).toBeDefined();
    expect(await cluster()).toEqual({
      __typename: 'Clusters',
      threshold,
      considered,
      found,
      clusters,
    });
    expect((await cluster({ first: 1 })).clusters).toEqual(clusters.slice(0, 1));
    expect((await cluster({ minSize: 4 })).clusters).toEqual([]);
    expect((await cluster({ threshold: 0 })).clusters).toEqual([]);
  });

  it('become a person by being accepted, all or none', async () => {
    const whose = { new: { gallery: { id: gallery }, name: 'Accepted' } };
    const missing = Buffer.from('Face:x').toString('base64');
    expect(await accept([...reds, missing], whose)).toEqual({
      __typename: 'FaceNotFound',
      message: '1 of 4 are no unassigned faces of the gallery',
    });
    expect(await api.database.client.identity.count()).toBe(1);
    const accepted = await accept(reds, whose);
    expect(accepted).toMatchObject({ name: 'Accepted', faces: { totalCount: 3 } });
    expect((await accept(reds, { id: accepted.id })).__typename).toBe('FaceNotFound');
    expect((await cluster()).found).toBe(1);
    expect((await identify(red)).match.identity.name).toBe('Accepted');
    expect((await identify(green)).match).toBeNull();
    const { template } = await api.database.client.identity.findUniqueOrThrow({
      where: { id: rowId(accepted.id) },
    });
    expect(template).not.toBeNull();
  });

  it('of another gallery are not there', async () => {
    const hidden = await createGallery(api, 'hidden');
    const files = { 'image.file': picture(red) };
    const variables = { gallery: { id: hidden } };
    const { data } = await api.run(ADD, { files, variables });
    const [{ id }] = data.addUnknownFaces.added;
    const whose = { new: { gallery: { id: gallery }, name: 'Thief' } };
    expect((await accept([id], whose)).__typename).toBe('FaceNotFound');
    expect((await cluster({ gallery: { id: hidden } })).__typename).toBe('GalleryNotFound');
    const other = await api.run(ADD, { key, files, variables });
    expect(other.data.addUnknownFaces.__typename).toBe('GalleryNotFound');
  });

  it('are added and accepted once for one idempotency key', async () => {
    const id = await createGallery(api, 'once');
    const variables = { gallery: { id }, once: 'add' };
    const add = () => api.run(ADD, { files: { 'image.file': picture(red) }, variables });
    const first = (await add()).data.addUnknownFaces;
    expect(first.added).toHaveLength(1);
    expect((await add()).data.addUnknownFaces).toEqual(first);
    const identity = { new: { gallery: { id }, name: 'Once' } };
    const faces = [first.added[0].id];
    const accept = async (more: object) =>
      (await api.run(ACCEPT, { variables: { faces, identity, once: 'accept', ...more } })).data
        .acceptCluster;
    const accepted = await accept({});
    expect(accepted.name).toBe('Once');
    expect(await accept({})).toEqual(accepted);
    const another = { new: { gallery: { id }, name: 'Twice' } };
    expect((await accept({ identity: another })).__typename).toBe('IdempotencyKeyReused');
  });

  it('can be deleted, and are the same in an index that is read anew', async () => {
    const { data } = await api.run(
      `{ gallery(by: { name: "crowd" }) { unassignedFaces { edges { node { id } } } } }`,
    );
    const [{ node }, ...rest] = data.gallery.unassignedFaces.edges;
    const remove = `mutation ($id: ID!) { deleteFace(id: $id) { __typename } }`;
    const gone = await api.run(remove, { key, variables: { id: node.id } });
    expect(gone.data.deleteFace.__typename).toBe('DeletedFace');
    const anew = createIndexes(api.database.client, engine);
    await anew.followAll();
    const probe = Float32Array.of(1, 0, 0);
    for (const among of ['all', 'unassigned'] as const) {
      const here = await api.indexes.nearest(rowId(gallery), [probe], 50, among);
      expect(here).toEqual(await anew.nearest(rowId(gallery), [probe], 50, among));
      expect(here[0]).toHaveLength(among === 'all' ? rest.length + 4 : rest.length);
    }
    anew.destroy();
  });
});
