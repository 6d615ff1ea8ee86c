import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';

const { red, green, blue } = PEOPLE;

const CREATE = `mutation ($name: String!) {
  createGallery(name: $name) { __typename ... on Gallery { id name model threshold faceCount } ... on Failure { message } }
}`;
const ENROL = `mutation ($image: ImageInput!, $identity: EnrolIdentity!, $face: Int) {
  enrolFace(image: $image, identity: $identity, face: $face) {
    __typename
    ... on Face { id box { x y width height } landmarks { nose { x y } } confidence imageHash identity { id name gallery { name faceCount } } }
    ... on MultipleFacesFound { faces { index box { x } } }
    ... on DuplicateFace { existing { id identity { name } } }
    ... on Failure { message }
  }
}`;
const IDENTIFY = `query ($image: ImageInput!, $gallery: GalleryBy!, $top: Int = 5, $threshold: Float) {
  identify(image: $image, gallery: $gallery, top: $top, threshold: $threshold) {
    __typename
    ... on Identification { model threshold width height faces {
      face { index box { x } } match { distance identity { name } } candidates { distance face { id } identity { name } } } }
    ... on Failure { message }
  }
}`;

afterAll(closeDecoder);

const databases = [
  { name: 'PGlite', skip: false },
  { name: 'PostgreSQL', skip: POSTGRES_BIN === undefined },
];

for (const { name, skip } of databases)
  describe.skipIf(skip)(`API on ${name}${skip ? ' (PostgreSQL is not installed)' : ''}`, () => {
    let engine: FakeEngine;
    let api: Api;
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let server: Postgres | undefined;
    let url: string | undefined;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      if (name === 'PostgreSQL') {
        server = await startPostgres();
        url = await server.database();
      }
      engine = fakeEngine();
      api = await openApi(engine, { directory: directory.path, url });
    });

    afterAll(async () => {
      await api?.close();
      await server?.stop();
      await directory.remove();
    });

    const enrol = (image: Uint8Array<ArrayBuffer>, identity: object, face?: number) =>
      api.run(ENROL, { variables: { identity, face }, files: { 'image.file': image } });
    const identify = (image: Uint8Array<ArrayBuffer>, more: Record<string, unknown>) =>
      api.run(IDENTIFY, { variables: more, files: { 'image.file': image } });
    const names = (answer: Awaited<ReturnType<typeof identify>>) =>
      answer.data.identify.faces.map(
        (face: { match: { identity: { name: string } } | null }) =>
          face.match?.identity.name ?? null,
      );

    it('creates a gallery once', async () => {
      const first = await api.run(CREATE, { variables: { name: ' crew ' } });
      expect(first.data.createGallery).toMatchObject({
        __typename: 'Gallery',
        name: 'crew',
        model: 'facenet-vggface2',
        threshold: null,
        faceCount: 0,
      });
      const again = await api.run(CREATE, { variables: { name: 'crew' } });
      expect(again.data.createGallery).toEqual({
        __typename: 'NameTaken',
        message: 'there is a gallery crew already',
      });
    });

    it('enrols a face of a multipart upload and finds it', async () => {
      const person = { new: { gallery: { name: 'crew' }, name: 'Red', externalId: 'r-1' } };
      const { data } = await enrol(picture(red), person);
      expect(data.enrolFace).toMatchObject({
        __typename: 'Face',
        box: { x: 0, y: 0, width: 64, height: 64 },
        landmarks: { nose: { x: 32, y: 36 } },
        identity: { name: 'Red', gallery: { name: 'crew', faceCount: 1 } },
      });
      expect(data.enrolFace.imageHash).toMatch(/^[0-9a-f]{64}$/);
      await enrol(picture(green), { new: { gallery: { name: 'crew' }, name: 'Green' } });
      const found = await identify(picture([200, 40, 40], blue, green), {
        gallery: { name: 'crew' },
      });
      expect(found.data.identify).toMatchObject({ width: 192, height: 64, threshold: 0.1 });
      expect(names(found)).toEqual(['Red', null, 'Green']);
      expect(found.data.identify.faces[1].candidates).toHaveLength(2);
      expect(found.data.identify.faces[0].face).toEqual({ index: 0, box: { x: 0 } });
    });

    it('takes base64 too, and a threshold per call', async () => {
      const base64 = Buffer.from(picture([200, 40, 40])).toString('base64');
      const strict = { image: { base64 }, gallery: { name: 'crew' }, threshold: 0.0001 };
      expect(names(await api.run(IDENTIFY, { variables: strict }))).toEqual([null]);
      const lax = { ...strict, threshold: 0.05 };
      expect(names(await api.run(IDENTIFY, { variables: lax }))).toEqual(['Red']);
    });

    it('asks which of several faces to enrol', async () => {
      const person = { new: { gallery: { name: 'crew' }, name: 'Blue' } };
      const both = picture(red, blue);
      const unclear = await enrol(both, person);
      expect(unclear.data.enrolFace).toMatchObject({
        __typename: 'MultipleFacesFound',
        faces: [
          { index: 0, box: { x: 0 } },
          { index: 1, box: { x: 64 } },
        ],
      });
      expect((await enrol(both, person, 2)).data.enrolFace.__typename).toBe('InvalidInput');
      expect((await enrol(both, person, 1)).data.enrolFace.box.x).toBe(64);
      const probe = await identify(picture(blue), { gallery: { name: 'crew' } });
      expect(names(probe)).toEqual(['Blue']);
    });

    it('reports a face that is enrolled already', async () => {
      const before = api.indexes.size();
      const again = await enrol(picture(red), { new: { gallery: { name: 'crew' }, name: 'R' } });
      expect(again.data.enrolFace).toMatchObject({
        __typename: 'DuplicateFace',
        existing: { identity: { name: 'Red' } },
      });
      expect(api.indexes.size()).toBe(before);
    });

    it('refuses a taken external id and enters nothing', async () => {
      const person = { gallery: { name: 'crew' }, name: 'Other', externalId: 'r-1' };
      const taken = await enrol(picture([90, 20, 140]), { new: person });
      expect(taken.data.enrolFace.__typename).toBe('NameTaken');
      const { data } = await api.run(`{ gallery(by: { name: "crew" }) {
        faceCount identities(first: 2) { totalCount edges { node { name externalId faces { totalCount } } } pageInfo { hasNextPage } } } }`);
      expect(data.gallery).toEqual({
        faceCount: 3,
        identities: {
          totalCount: 3,
          edges: [
            { node: { name: 'Red', externalId: 'r-1', faces: { totalCount: 1 } } },
            { node: { name: 'Green', externalId: null, faces: { totalCount: 1 } } },
          ],
          pageInfo: { hasNextPage: true },
        },
      });
    });

    it('compares every face of two images', async () => {
      const query = `query ($a: ProbeInput!, $b: ProbeInput!) { verify(a: $a, b: $b) {
        __typename ... on Verification { model threshold pairs { a { index } b { index } distance match } } ... on Failure { message } } }`;
      const files = { 'a.file': picture(red), 'b.file': picture(blue, red) };
      const { data } = await api.run(query, { files });
      expect(data.verify).toMatchObject({
        model: 'facenet-vggface2',
        threshold: 0.1,
        pairs: [
          { a: { index: 0 }, b: { index: 1 }, match: true },
          { a: { index: 0 }, b: { index: 0 }, match: false },
        ],
      });
      const none = await api.run(query, { files: { ...files, 'b.file': picture() } });
      expect(none.data.verify.__typename).toBe('NoFaceFound');
    });

    it('detects, with none found as an answer', async () => {
      const query = `query ($image: ImageInput!) { detect(image: $image) { ... on Detection { width faces { index } } } }`;
      const files = { 'image.file': picture() };
      expect((await api.run(query, { files })).data.detect).toEqual({ width: 64, faces: [] });
    });

    it('adds a second face to a person, and answers each person once', async () => {
      const { data } = await api.run(
        `{ gallery(by: { name: "crew" }) { identities { edges { node { id name } } } } }`,
      );
      const { id } = data.gallery.identities.edges[0].node;
      const second = await enrol(picture([200, 40, 90]), { id });
      expect(second.data.enrolFace.identity.name).toBe('Red');
      const probe = await identify(picture(red), { gallery: { name: 'crew' } });
      const people = probe.data.identify.faces[0].candidates.map(
        (candidate: { identity: { name: string } }) => candidate.identity.name,
      );
      expect(people).toEqual(['Red', 'Green', 'Blue']);
    });

    it('forgets a deleted face and a deleted person at once', async () => {
      const probe = () => identify(picture(red), { gallery: { name: 'crew' } });
      const nearest = async () => (await probe()).data.identify.faces[0].candidates[0];
      const deleteFace = `mutation ($id: ID!) { deleteFace(id: $id) { __typename ... on DeletedFace { id } } }`;
      const first = (await nearest()).face.id;
      const gone = await api.run(deleteFace, { variables: { id: first } });
      expect(gone.data.deleteFace).toEqual({ __typename: 'DeletedFace', id: first });
      expect((await nearest()).face.id).not.toBe(first);
      const twice = await api.run(deleteFace, { variables: { id: first } });
      expect(twice.data.deleteFace.__typename).toBe('FaceNotFound');

      const { data } = await api.run(
        `{ gallery(by: { name: "crew" }) { identities { edges { node { id } } } } }`,
      );
      const { id } = data.gallery.identities.edges[0].node;
      const deletePerson = `mutation ($id: ID!) { deleteIdentity(id: $id) { __typename } }`;
      const person = await api.run(deletePerson, { variables: { id } });
      expect(person.data.deleteIdentity.__typename).toBe('DeletedIdentity');
      expect(names(await probe())).toEqual([null]);
      expect(api.indexes.size()).toBe(2);
      expect(await api.database.client.embedding.count()).toBe(2);
    });

    it('tells a client of a U+0000 that the database cannot compare', async () => {
      const node = Buffer.from('Identity:a\0b').toString('base64');
      const text = 'a\0b';
      for (const query of [
        'query ($text: String!) { gallery(by: { name: $text }) { id } }',
        'query ($node: ID!) { node(id: $node) { id } }',
      ]) {
        const { errors } = await api.run(query, { variables: { text, node } });
        expect(errors).toMatchObject([
          {
            message: 'a text or an id of the request has a character U+0000',
            extensions: { code: 'InvalidInput' },
          },
        ]);
      }
    });

    it('finds everybody again after a restart', async () => {
      const before = await identify(picture(green, blue), { gallery: { name: 'crew' } });
      await api.close();
      engine = fakeEngine();
      api = await openApi(engine, { directory: directory.path, url });
      expect(api.database.migrated).toEqual([]);
      const after = await identify(picture(green, blue), { gallery: { name: 'crew' } });
      expect(names(after)).toEqual(['Green', 'Blue']);
      expect(after.data).toEqual(before.data);
    });

    it('deletes a gallery only by its name, and everything in it', async () => {
      const { data } = await api.run(`{ gallery(by: { name: "crew" }) { id } }`);
      const query = `mutation ($id: ID!, $name: String!) { deleteGallery(id: $id, confirmName: $name) {
        __typename ... on DeletedGallery { id name } } }`;
      const remove = (confirm: string) =>
        api.run(query, { variables: { id: data.gallery.id, name: confirm } });
      expect((await remove('staff')).data.deleteGallery.__typename).toBe('InvalidInput');
      expect((await remove('crew')).data.deleteGallery).toEqual({
        __typename: 'DeletedGallery',
        id: data.gallery.id,
        name: 'crew',
      });
      expect(api.indexes.size()).toBe(0);
      expect(await api.database.client.face.count()).toBe(0);
      const probe = await identify(picture(red), { gallery: { name: 'crew' } });
      expect(probe.data.identify.__typename).toBe('GalleryNotFound');
    });
  });
