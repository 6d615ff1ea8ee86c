import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { cosineDistance } from '../src/faces/distance.ts';
import { chooseFace } from '../src/faces/gallery/chooseFace.ts';
import { SIMILAR } from '../src/faces/gallery/similar.ts';
import { createKey } from '../src/faces/keys.ts';
import { type Colour, type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const { red, green, blue } = PEOPLE;
/** Near red, within its threshold, and all but the same. */
const ROSE: Colour = [200, 40, 90];
const SCARLET: Colour = [215, 31, 32];

const ENROL = `mutation ($image: ImageInput!, $identity: EnrolIdentity!, $face: Int, $box: BoxInput, $allowSimilar: Boolean! = false) {
  enrolFace(image: $image, identity: $identity, face: $face, box: $box, allowSimilar: $allowSimilar) {
    __typename
    ... on Face { id box { x } identity { name } }
    ... on DuplicateFace { existing { identity { name } } }
    ... on Failure { message }
  }
}`;
const ENROL_MANY = `mutation ($image: ImageInput!, $faces: [FaceToEnrol!]!, $allowSimilar: Boolean! = false) {
  enrolFaces(image: $image, faces: $faces, allowSimilar: $allowSimilar) {
    __typename
    ... on EnrolledFaces { faces { id box { x } identity { id name } } }
    ... on DuplicateFace { existing { identity { name } } }
    ... on Failure { message }
  }
}`;

const box = (x: number, y = 0, width = 64, height = 64) => ({ x, y, width, height });

describe('choosing a face', () => {
  const landmarks = {
    leftEye: [0, 0],
    rightEye: [0, 0],
    nose: [0, 0],
    mouthLeft: [0, 0],
    mouthRight: [0, 0],
  } as const;
  const at = (x: number) => ({ box: [x, 0, 60, 60] as const, confidence: 1, landmarks });
  const faces = [at(0), at(30), at(200)];
  const choose = (choice: Parameters<typeof chooseFace>[1]) =>
    chooseFace({ faces, upload: null }, choice);

  it('takes the one that shares most with a box, and half at least', () => {
    expect(choose({ box: [14, 0, 60, 60] })).toBe(faces[0]);
    expect(choose({ box: [16, 0, 60, 60] })).toBe(faces[1]);
    // Shares 60 × 60 of 60 × 120: exactly half.
    expect(choose({ box: [200, 0, 60, 120] })).toBe(faces[2]);
    expect(() => choose({ box: [200, 0, 60, 121] })).toThrow('the nearest shares 0.50');
    expect(() => choose({ box: [500, 500, 10, 10] })).toThrow('the nearest shares 0.00');
  });

  it('takes an index or a box, not both', () => {
    expect(choose({ index: 2 })).toBe(faces[2]);
    expect(() => choose({ index: -1 })).toThrow('face -1 of 3');
    expect(() => choose({ index: 0, box: [0, 0, 60, 60] })).toThrow('not both');
  });
});

describe('enrolling', () => {
  let engine: FakeEngine;
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    engine = fakeEngine();
    api = await openApi(engine, { directory: directory.path });
    for (const name of ['crew', 'staff'])
      await api.run(`mutation { createGallery(name: "${name}") { __typename } }`);
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const person = (name: string, gallery = 'crew') => ({
    new: { gallery: { name: gallery }, name },
  });
  const enrol = async (image: Uint8Array<ArrayBuffer>, variables: object) =>
    (await api.run(ENROL, { variables: { ...variables }, files: { 'image.file': image } })).data
      .enrolFace;
  const enrolMany = async (image: Uint8Array<ArrayBuffer>, variables: object, key?: string) =>
    (
      await api.run(ENROL_MANY, {
        variables: { ...variables },
        files: { 'image.file': image },
        key,
      })
    ).data.enrolFaces;
  const counts = async () => ({
    faces: await api.database.client.face.count(),
    identities: await api.database.client.identity.count(),
    index: api.indexes.size(),
  });

  it('takes the face at a box', async () => {
    const both = picture(red, green);
    const outside = { identity: person('x'), box: box(100, 30) };
    expect((await enrol(both, outside)).__typename).toBe('InvalidInput');
    const empty = { identity: person('x'), box: box(64, 0, 0, 64) };
    expect((await enrol(both, empty)).__typename).toBe('InvalidInput');
    const face = await enrol(both, { identity: person('Green'), box: box(60, 3.5) });
    expect(face).toMatchObject({ box: { x: 64 }, identity: { name: 'Green' } });
  });

  it('takes several faces of one photograph at once, for old people and new ones', async () => {
    const before = engine.detected;
    const { id } = (
      await api.run(
        `mutation { createIdentity(gallery: { name: "crew" }, name: "Red") { ... on Identity { id } } }`,
      )
    ).data.createIdentity;
    const faces = [
      { identity: person('Blue'), box: box(126) },
      { identity: { id }, face: 0 },
    ];
    const answer = await enrolMany(picture(red, green, blue), { faces });
    expect(answer.faces).toMatchObject([
      { box: { x: 128 }, identity: { name: 'Blue' } },
      { box: { x: 0 }, identity: { id, name: 'Red' } },
    ]);
    expect(engine.detected).toBe(before + 1);
    expect(await counts()).toEqual({ faces: 3, identities: 3, index: 3 });
  });

  it.each([
    [
      'one is chosen twice',
      [
        { identity: person('A'), face: 0 },
        { identity: person('B'), box: box(0) },
      ],
      'InvalidInput',
      'chosen twice',
    ],
    [
      'one is not there',
      [
        { identity: person('A'), face: 0 },
        { identity: person('B'), face: 9 },
      ],
      'InvalidInput',
      'faces[1]: face 9 of 2',
    ],
    [
      'one is not chosen',
      [{ identity: person('A'), face: 0 }, { identity: person('B') }],
      'MultipleFacesFound',
      'faces[1]: 2 faces',
    ],
    [
      'they go into two galleries',
      [
        { identity: person('A'), face: 0 },
        { identity: person('B', 'staff'), face: 1 },
      ],
      'InvalidInput',
      'one gallery',
    ],
    [
      'a person is not there',
      [
        { identity: person('A'), face: 0 },
        { identity: { id: Buffer.from('Identity:x').toString('base64') }, face: 1 },
      ],
      'IdentityNotFound',
      'faces[1]: ',
    ],
    [
      'one is enrolled already',
      [
        { identity: person('A'), face: 0 },
        { identity: person('B'), face: 1 },
      ],
      'DuplicateFace',
      'faces[1]: all but the same',
    ],
    ['there are none', [], 'InvalidInput', '0 faces'],
  ])('of several faces enrols none when %s', async (_what, faces, type, message) => {
    const before = await counts();
    const answer = await enrolMany(picture([90, 20, 140], blue), { faces });
    expect(answer.__typename).toBe(type);
    expect(answer.message).toContain(message);
    expect(await counts()).toEqual(before);
  });

  it('reports a face that is all but the same, unless told not to', async () => {
    const embedder = await engine.embedder('facenet-vggface2');
    const image = await decodeImage(picture(red, SCARLET, ROSE));
    const [a, b, c] = await embedder.embed(image, await engine.detect(image));
    expect(cosineDistance(a, b)).toBeLessThan(SIMILAR);
    expect(cosineDistance(a, c)).toBeGreaterThan(SIMILAR);
    const near = await enrol(picture(SCARLET), { identity: person('Scarlet') });
    expect(near).toMatchObject({
      __typename: 'DuplicateFace',
      existing: { identity: { name: 'Red' } },
    });
    expect((await enrol(picture(SCARLET), { identity: person('S', 'staff') })).__typename).toBe(
      'Face',
    );
    const allowed = { identity: person('Scarlet'), allowSimilar: true };
    expect((await enrol(picture(SCARLET), allowed)).__typename).toBe('Face');
    // The same face of the same photograph is never taken twice.
    expect((await enrol(picture(SCARLET), allowed)).__typename).toBe('DuplicateFace');
    expect((await enrol(picture(ROSE), { identity: person('Rose') })).__typename).toBe('Face');
  });

  it('enters nobody into a gallery that the key may not use', async () => {
    const { id } = await api.database.client.gallery.findUniqueOrThrow({
      where: { name: 'staff' },
    });
    const key = await createKey(api.database.client, {
      label: 'staff',
      scopes: ['gallery:write'],
      galleries: [id],
    });
    const before = await counts();
    const faces = [{ identity: person('X'), face: 0 }];
    expect((await enrolMany(picture([20, 140, 90]), { faces }, key)).__typename).toBe(
      'GalleryNotFound',
    );
    expect(await counts()).toEqual(before);
    const here = [{ identity: person('X', 'staff'), face: 0 }];
    const answer = await enrolMany(picture([20, 140, 90]), { faces: here }, key);
    expect(answer.__typename).toBe('EnrolledFaces');
  });
});
