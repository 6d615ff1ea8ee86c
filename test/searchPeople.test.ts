import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { type Colour, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { boundKey, createGallery, enrolNew, rowId } from './api/gallery.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const { red, green, blue } = PEOPLE;
const VERIFY = `query ($a: ProbeInput!, $b: ProbeInput!, $model: String, $threshold: Float) {
  verify(a: $a, b: $b, model: $model, threshold: $threshold) {
    __typename
    ... on Verification { model threshold match pairs {
      a { index } b { index } aEnrolled { id } bEnrolled { id } distance templateDistance match } }
    ... on Failure { message } } }`;
const IDENTIFY = `query ($image: ImageInput!, $gallery: GalleryBy, $galleries: [GalleryBy!], $exclude: [ID!], $top: Int! = 5, $rankBy: RankBy! = FACE) {
  identify(image: $image, gallery: $gallery, galleries: $galleries, exclude: $exclude, top: $top, rankBy: $rankBy) {
    __typename
    ... on Identification { threshold faces { match { identity { name gallery { name } } } candidates { distance identity { name gallery { name } } } } }
    ... on Failure { message } } }`;
const EMBED = `query ($image: ImageInput!, $model: String! = "facenet-vggface2") { embed(image: $image, model: $model) {
  __typename ... on Embeddings { model faces { face { index } embedding } } ... on Failure { message } } }`;
const SEARCH = `query ($embedding: [Float!]!, $galleries: [GalleryBy!], $exclude: [ID!]) {
  searchByEmbedding(embedding: $embedding, galleries: $galleries, exclude: $exclude) {
    __typename ... on EmbeddingSearch { model threshold match { identity { name } } candidates { distance identity { name } face { id } } }
    ... on Failure { message } } }`;
const SIMILAR = `query ($face: ID!, $top: Int! = 10) { similarFaces(face: $face, top: $top) {
  __typename ... on SimilarFaces { faces { distance face { id identity { name } } } } ... on Failure { message } } }`;

afterAll(closeDecoder);

describe('searches', () => {
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let staff: string;
  let guests: string;
  let strict: string;
  let redId: string;
  let redFaces: string[];
  let guestRed: { id: string; identity: { id: string } };

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
    staff = await createGallery(api, 'staff');
    guests = await createGallery(api, 'guests');
    strict = await createGallery(api, 'strict', 0.02);
    const first = await enrolNew(api, staff, 'Red', picture(red));
    redId = first.identity.id;
    const second = await api.run(
      `mutation ($image: ImageInput!, $id: ID!) { enrolFace(image: $image, identity: { id: $id }) { ... on Face { id } } }`,
      { variables: { id: redId }, files: { 'image.file': picture([200, 90, 30]) } },
    );
    redFaces = [first.id, second.data.enrolFace.id];
    await enrolNew(api, staff, 'Green', picture(green));
    guestRed = await enrolNew(api, guests, 'Guest', picture([215, 40, 40]));
    await enrolNew(api, strict, 'Strict', picture(blue));
  });

  afterAll(async () => {
    await api?.close();
    await directory.remove();
  });

  describe('verify', () => {
    const verify = async (variables: object, files: Record<string, Uint8Array<ArrayBuffer>>) =>
      (await api.run(VERIFY, { variables: { ...variables }, files })).data.verify;

    it('compares a photograph with a person, by the nearest face and by the template', async () => {
      const b = { identity: redId };
      const verified = await verify({ b }, { 'a.file': picture(green, red) });
      expect(verified).toMatchObject({ model: 'facenet-vggface2', threshold: 0.1, match: true });
      expect(verified.pairs).toHaveLength(2);
      const [nearest, other] = verified.pairs;
      expect(nearest).toMatchObject({
        a: { index: 1 },
        b: null,
        aEnrolled: null,
        bEnrolled: { id: redFaces[0] },
        match: true,
      });
      expect(nearest.distance).toBeLessThan(1e-6);
      // The template lies between the two enrolled faces.
      expect(nearest.templateDistance).toBeGreaterThan(0.01);
      expect(nearest.templateDistance).toBeLessThan(0.1);
      expect(other).toMatchObject({ a: { index: 0 }, match: false });
    });

    it('compares two people', async () => {
      const sides = { a: { identity: redId }, b: { identity: guestRed.identity.id } };
      const { data } = await api.run(VERIFY, { variables: sides });
      expect(data.verify.pairs).toMatchObject([
        {
          a: null,
          b: null,
          aEnrolled: { id: redFaces[0] },
          bEnrolled: { id: guestRed.id },
          match: true,
        },
      ]);
    });

    it("takes the gallery's threshold and model", async () => {
      const people = await api.run(
        `{ gallery(by: { name: "strict" }) { identities { edges { node { id } } } } }`,
      );
      const [{ node }] = people.data.gallery.identities.edges;
      const b = { identity: node.id };
      const files = { 'a.file': picture([70, 30, 220]) };
      expect(await verify({ b }, files)).toMatchObject({ threshold: 0.02, match: false });
      expect(await verify({ b, threshold: 0.2 }, files)).toMatchObject({ match: true });
      expect(await verify({ b, model: 'senet50-vggface2' }, files)).toEqual({
        __typename: 'ModelMismatch',
        message:
          'embeddings of several models cannot be compared: senet50-vggface2, facenet-vggface2',
      });
    });

    it('says so when a person has no face', async () => {
      const made = await api.run(
        `mutation { createIdentity(gallery: { name: "staff" }, name: "Nobody") { ... on Identity { id } } }`,
      );
      const b = { identity: made.data.createIdentity.id };
      expect(await verify({ b }, { 'a.file': picture(red) })).toEqual({
        __typename: 'NoFaceFound',
        message: 'no face of the person is enrolled',
      });
    });

    it('works with the scope alone, in the galleries of the key', async () => {
      const key = await boundKey(api, [staff], 'verify');
      const files = { 'a.file': picture(red) };
      const own = await api.run(VERIFY, { key, files, variables: { b: { identity: redId } } });
      expect(own.data.verify.match).toBe(true);
      const b = { identity: guestRed.identity.id };
      const other = await api.run(VERIFY, { key, files, variables: { b } });
      expect(other.data.verify.__typename).toBe('IdentityNotFound');
    });
  });

  describe('identify', () => {
    const identify = async (variables: object, key = api.admin) =>
      (
        await api.run(IDENTIFY, {
          key,
          variables: { ...variables },
          files: { 'image.file': picture(red) },
        })
      ).data.identify;
    const both = () => [{ id: staff }, { name: 'guests' }, { name: 'staff' }];

    it('searches several galleries at once and says who is of which', async () => {
      const { faces, threshold } = await identify({ galleries: both() });
      expect(threshold).toBe(0.1);
      const [{ match, candidates }] = faces;
      expect(match.identity).toEqual({ name: 'Red', gallery: { name: 'staff' } });
      expect(candidates.map((c: typeof match) => c.identity)).toEqual([
        { name: 'Red', gallery: { name: 'staff' } },
        { name: 'Guest', gallery: { name: 'guests' } },
        { name: 'Green', gallery: { name: 'staff' } },
      ]);
      const one = await identify({ galleries: both(), top: 1, rankBy: 'TEMPLATE' });
      expect(one.faces[0].candidates).toHaveLength(1);
      expect(one.faces[0].match.identity.name).toBe('Guest');
    });

    it('passes over those who are excluded', async () => {
      const { faces } = await identify({ galleries: both(), exclude: [redId] });
      expect(faces[0].match.identity.name).toBe('Guest');
      const exclude = [redId, guestRed.identity.id];
      expect((await identify({ galleries: both(), exclude })).faces[0].match).toBeNull();
    });

    it('takes the lowest threshold of several galleries', async () => {
      const galleries = [...both(), { name: 'strict' }];
      expect((await identify({ galleries })).threshold).toBe(0.02);
    });

    it('refuses no gallery, too many, hidden ones and those of several models', async () => {
      expect((await identify({})).__typename).toBe('InvalidInput');
      const many = Array.from({ length: 21 }, () => ({ name: 'staff' }));
      expect((await identify({ galleries: many })).__typename).toBe('InvalidInput');
      const key = await boundKey(api, [staff], 'identify');
      expect((await identify({ galleries: both() }, key)).__typename).toBe('GalleryNotFound');
      const other = { name: 'other', model: 'resnet50-vggface2' };
      await api.database.client.gallery.create({ data: other });
      expect(await identify({ galleries: [...both(), { name: 'other' }] })).toEqual({
        __typename: 'ModelMismatch',
        message: 'the galleries are of several models: facenet-vggface2, resnet50-vggface2',
      });
    });
  });

  describe('embeddings', () => {
    let key: string;
    beforeAll(async () => {
      key = await boundKey(api, [staff, guests], 'embed');
    });
    const embed = async (...colours: readonly Colour[]) =>
      (await api.run(EMBED, { key, files: { 'image.file': picture(...colours) } })).data.embed;
    const search = async (
      embedding: readonly number[],
      more: object = { galleries: [{ id: staff }] },
    ) => (await api.run(SEARCH, { key, variables: { embedding, ...more } })).data.searchByEmbedding;

    it('of an image find who is in it, of whatever length they are', async () => {
      const { model, faces } = await embed(green, red);
      expect(model).toBe('facenet-vggface2');
      expect(faces.map((one: { face: object }) => one.face)).toEqual([{ index: 0 }, { index: 1 }]);
      expect(Math.hypot(...faces[0].embedding)).toBeCloseTo(1, 6);
      const long = faces[1].embedding.map((value: number) => value * 1e30);
      const galleries = [{ name: 'staff' }, { name: 'guests' }];
      const found = await search(long, { galleries });
      expect(found.match).toEqual({ identity: { name: 'Red' } });
      expect(found.candidates).toHaveLength(3);
      expect(found.candidates[0]).toMatchObject({ face: { id: redFaces[0] } });
      expect(found.candidates[0].distance).toBeLessThan(1e-6);
      const other = await search(long, { galleries, exclude: [redId] });
      expect(other.match).toEqual({ identity: { name: 'Guest' } });
    });

    it('are refused when no face is there, or the model is not', async () => {
      expect((await embed()).__typename).toBe('NoFaceFound');
      const files = { 'image.file': picture(red) };
      const variables = { model: 'senet50-vggface2' };
      const { data } = await api.run(EMBED, { key, files, variables });
      expect(data.embed.__typename).toBe('ModelUnavailable');
    });

    it.each([
      ['too few values', [1, 0], 'ModelMismatch'],
      ['no values', [], 'ModelMismatch'],
      ['zero', [0, 0, 0], 'InvalidInput'],
      ['more than f64 can square', [1e300, 1e300, 1e300], undefined],
      ['the smallest numbers', [5e-324, 0, 0], undefined],
    ])('of %s are answered by their type', async (_what, embedding, type) => {
      const found = await search(embedding);
      expect(found.__typename).toBe(type ?? 'EmbeddingSearch');
    });

    it('search only what the key may use', async () => {
      const found = await search([1, 0, 0], { galleries: [{ id: strict }] });
      expect(found.__typename).toBe('GalleryNotFound');
    });
  });

  describe('similarFaces', () => {
    it('are the neighbours of a face, without itself', async () => {
      const key = await boundKey(api, [staff], 'identify');
      const { data } = await api.run(SIMILAR, { key, variables: { face: redFaces[0] } });
      expect(data.similarFaces.faces).toMatchObject([
        { face: { id: redFaces[1], identity: { name: 'Red' } } },
        { face: { identity: { name: 'Green' } } },
      ]);
      const top = await api.run(SIMILAR, { key, variables: { face: redFaces[0], top: 1 } });
      expect(top.data.similarFaces.faces).toHaveLength(1);
      const hidden = await api.run(SIMILAR, { key, variables: { face: guestRed.id } });
      expect(hidden.data.similarFaces.__typename).toBe('FaceNotFound');
    });

    it('need an embedding by the model of the gallery', async () => {
      const db = api.database.client;
      const where = { faceId: rowId(redFaces[1]) };
      await db.embedding.updateMany({ where, data: { model: 'other' } });
      const { data } = await api.run(SIMILAR, { variables: { face: redFaces[1] } });
      expect(data.similarFaces.__typename).toBe('ModelMismatch');
      await db.embedding.updateMany({ where, data: { model: 'facenet-vggface2' } });
    });
  });
});
