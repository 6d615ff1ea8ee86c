import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cropMap } from '../src/engine/align.ts';
import type { Face } from '../src/engine/face.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { packPng } from '../src/engine/image/encode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { cut, seenFrom, surroundings } from '../src/engine/surroundings.ts';
import { hasWeights } from '../src/engine/weights/load.ts';
import { DEFAULT_MODELS, manifests } from '../src/engine/weights/manifest.ts';
import { cosineDistance } from '../src/faces/distance.ts';
import * as measuring from '../src/faces/quality/quality.ts';
import { embedProbe, probeOf } from '../src/faces/search/probe.ts';
import { keepFace, redeem, sweepTokens } from '../src/faces/search/tokens.ts';
import { warpReference } from '../src/kernels/imageReference.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { boundKey, createGallery, enrolNew, rowId } from './api/gallery.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { randomArray } from './support/random.ts';

const { red, green, blue } = PEOPLE;
// Lets a test count the calls.
vi.mock('../src/faces/quality/quality.ts', { spy: true });

const DETECT = `query ($image: ImageInput!) { detect(image: $image) {
  ... on Detection { faces { box { x } token tokenExpiresAt } } } }`;
const VERIFY = `query ($a: ProbeInput!, $b: ProbeInput!) { verify(a: $a, b: $b) {
  __typename ... on Verification { match pairs { a { box { x } token } distance } } ... on Failure { message } } }`;
const IDENTIFY = `query ($image: ImageInput!, $gallery: GalleryBy!) { identify(image: $image, gallery: $gallery) {
  __typename ... on Identification { width height faces { face { index box { x } token } match { identity { name } } } } ... on Failure { message } } }`;
const ENROL = `mutation ($image: ImageInput!, $identity: EnrolIdentity!) { enrolFace(image: $image, identity: $identity) {
  __typename ... on Face { box { x } landmarks { nose { x y } } imageHash } ... on Failure { message } } }`;

afterAll(closeDecoder);

function noise(width: number, height: number): Image {
  const data = Uint8Array.from(randomArray(width, width * height * 3), (v) => (v + 1) * 127);
  return { width, height, data };
}

const face = (box: Face['box'], tilt: number): Face => {
  const [x, y, w, h] = box;
  return {
    box,
    confidence: 1,
    landmarks: {
      leftEye: [x + w * 0.3, y + h * (0.4 - tilt)],
      rightEye: [x + w * 0.7, y + h * (0.4 + tilt)],
      nose: [x + w * 0.5, y + h * 0.6],
      mouthLeft: [x + w * 0.35, y + h * 0.8],
      mouthRight: [x + w * 0.65, y + h * 0.8],
    },
  };
};

describe('surroundings of a face', () => {
  const image = noise(120, 90);

  it.each<[string, Face]>([
    ['in the middle', face([50, 30, 21, 27], 0)],
    ['turned', face([50, 30, 21, 27], 0.3)],
    ['in a corner', face([0, 0, 17, 20], 0.1)],
    ['at the far edges', face([100, 60, 20, 30], -0.2)],
    ['as large as the image', face([0, 0, 120, 90], 0)],
  ])('show every model the same crop: %s', (_name, found) => {
    const region = surroundings(found, image);
    const [x, y] = region;
    const part = cut(image, region);
    for (const { kind, crop } of manifests().filter((one) => one.kind !== 'detector')) {
      const whole = warpReference(image, cropMap(found, crop, 24, 24), 24, 24, 'RGB');
      const own = seenFrom(found, [x, y]);
      const again = warpReference(part, cropMap(own, crop, 24, 24), 24, 24, 'RGB');
      const worst = Math.max(...whole.map((value, i) => Math.abs(value - again[i])));
      expect(worst, kind).toBeLessThan(0.01); // of 255, the rounding of f32 places
    }
  });

  it('are not more than needed, and survive the PNG', async () => {
    const region = surroundings(face([50, 30, 20, 20], 0), image);
    expect(region[2]).toBeLessThan(20 * 1.4 + 6);
    const part = cut(image, region);
    expect(await decodeImage(await packPng(part))).toEqual(part);
  });
});

describe('tokens of faces', () => {
  let api: Api;
  let engine: ReturnType<typeof fakeEngine>;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let gallery: string;
  let key: string;
  const upload = picture(red, green);

  beforeAll(async () => {
    directory = await temporaryDirectory();
    engine = fakeEngine();
    api = await openApi(engine, { directory: directory.path });
    gallery = await createGallery(api, 'crew');
    await enrolNew(api, gallery, 'Red', picture(red));
    key = await boundKey(api, [gallery], 'detect', 'verify', 'identify', 'gallery:write');
  });

  afterAll(async () => {
    await api?.close();
    await directory.remove();
  });

  const detect = async (as = key): Promise<{ token: string; tokenExpiresAt: string }[]> => {
    const { data } = await api.run(DETECT, { key: as, files: { 'image.file': upload } });
    return data.detect.faces;
  };

  it('are made only for those who ask, one a face, for ten minutes, and only their hash is kept', async () => {
    const query = `query ($image: ImageInput!) { detect(image: $image) { ... on Detection { faces { index } } } }`;
    await api.run(query, { key, files: { 'image.file': upload } });
    expect(await api.database.client.faceToken.count()).toBe(0);
    const before = Date.now();
    const faces = await detect();
    expect(new Set(faces.map(({ token }) => token)).size).toBe(2);
    const left = new Date(faces[0].tokenExpiresAt).getTime() - before;
    expect(left).toBeGreaterThanOrEqual(600_000);
    expect(left).toBeLessThan(630_000);
    const rows = await api.database.client.faceToken.findMany();
    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toContain(faces[0].token);
  });

  it('are one a face under however many aliases, and so is the measuring of its quality', async () => {
    const measure = vi.mocked(measuring.measureQuality).mockClear();
    const fields = 'faces { token again: token quality { score } q: quality { size } }';
    const query = `query ($image: ImageInput!) { detect(image: $image) { ... on Detection { ${fields} b: ${fields} } } }`;
    const before = await api.database.client.faceToken.count();
    const { data } = await api.run(query, { key, files: { 'image.file': upload } });
    const { faces, b } = data.detect;
    expect(faces[1].token).toMatch(/^ft_/);
    expect(b).toEqual(faces);
    expect(faces[1].again).toBe(faces[1].token);
    expect(await api.database.client.faceToken.count()).toBe(before + 2);
    expect(measure).toHaveBeenCalledTimes(2);
  });

  it('stand for the face in verify, identify and enrolFace, where it was in the photograph', async () => {
    const [first, second] = (await detect()).map(({ token }) => ({ token }));
    const detected = engine.detected;
    const verified = await api.run(VERIFY, { key, variables: { a: second, b: first } });
    expect(verified.data.verify).toMatchObject({
      match: false,
      pairs: [{ a: { box: { x: 64 }, token: null } }],
    });
    const variables = { image: first, gallery: { id: gallery } };
    const { data } = await api.run(IDENTIFY, { key, variables });
    expect(data.identify).toEqual({
      __typename: 'Identification',
      width: 128,
      height: 64,
      faces: [
        { face: { index: 0, box: { x: 0 }, token: null }, match: { identity: { name: 'Red' } } },
      ],
    });
    const identity = { new: { gallery: { id: gallery }, name: 'Green' } };
    const enrol = () => api.run(ENROL, { key, variables: { image: second, identity } });
    expect((await enrol()).data.enrolFace).toMatchObject({
      __typename: 'Face',
      box: { x: 64 },
      landmarks: { nose: { x: 96, y: 36 } },
    });
    expect((await enrol()).data.enrolFace.__typename).toBe('DuplicateFace');
    expect(engine.detected).toBe(detected);
    const photograph = { files: { 'b.file': upload }, key };
    const again = await api.run(VERIFY, { ...photograph, variables: { a: first } });
    expect(again.data.verify.pairs[0].distance).toBeLessThan(1e-6);
  });

  it('come with the faces among which to choose', async () => {
    const query = `mutation ($image: ImageInput!, $identity: EnrolIdentity!) { enrolFace(image: $image, identity: $identity) {
      ... on MultipleFacesFound { faces { token } } } }`;
    const identity = { new: { gallery: { id: gallery }, name: 'Blue' } };
    const files = { 'image.file': picture(red, blue) };
    const { data } = await api.run(query, { key, files, variables: { identity } });
    const image = { token: data.enrolFace.faces[1].token };
    const enrolled = await api.run(ENROL, { key, variables: { image, identity } });
    expect(enrolled.data.enrolFace).toMatchObject({ __typename: 'Face', box: { x: 64 } });
  });

  it('of another key, unknown or expired are one failure', async () => {
    const [{ token }] = await detect();
    const other = await boundKey(api, [gallery], 'verify', 'identify', 'gallery:write');
    const identity = { new: { gallery: { id: gallery }, name: 'x' } };
    const attempts = async (as: string, image: { token: string }) => [
      (await api.run(VERIFY, { key: as, variables: { a: image, b: image } })).data.verify,
      (await api.run(IDENTIFY, { key: as, variables: { image, gallery: { id: gallery } } })).data
        .identify,
      (await api.run(ENROL, { key: as, variables: { image, identity } })).data.enrolFace,
    ];
    const failure = {
      __typename: 'TokenInvalid',
      message: 'the token is unknown, expired or of another key',
    };
    const all = [failure, failure, failure];
    expect(await attempts(other, { token })).toEqual(all);
    expect(await attempts(key, { token: `${token}x` })).toEqual(all);
    await api.database.client.faceToken.updateMany({ data: { expiresAt: new Date() } });
    expect(await attempts(key, { token })).toEqual(all);
  });

  it('are deleted when they have expired', async () => {
    await detect();
    await api.database.client.faceToken.updateMany({ data: { expiresAt: new Date() } });
    const [{ token }] = await detect();
    const failures: unknown[] = [];
    const stop = sweepTokens(api.database.client, (error) => failures.push(error));
    await stop();
    expect(failures).toEqual([]);
    expect(await api.database.client.faceToken.count()).toBe(2);
    const { data } = await api.run(VERIFY, { key, variables: { a: { token }, b: { token } } });
    expect(data.verify.match).toBe(true);
  });

  it('are not a photograph to detect in', async () => {
    const query = `{ detect(image: { token: "x" }) { __typename } }`;
    expect((await api.run(query)).data.detect.__typename).toBe('InvalidInput');
  });

  it('are not made of a face that is too large to keep', async () => {
    const image = { width: 4000, height: 3000, data: new Uint8Array(4000 * 3000 * 3) };
    const { id } = await api.database.client.apiKey.findFirstOrThrow();
    const large = face([500, 200, 2200, 2600], 0);
    const kept = await keepFace(
      api.database.client,
      id,
      { image, bytes: new Uint8Array(), hash: 'x' },
      large,
    );
    expect(kept).toBeNull();
  });

  it('open nothing that the key may not use', async () => {
    const hidden = await createGallery(api, 'hidden');
    const person = await enrolNew(api, hidden, 'Red', picture(red));
    const [{ token }] = await detect();
    const variables = { a: { token }, b: { identity: person.identity.id } };
    expect((await api.run(VERIFY, { key, variables })).data.verify.__typename).toBe(
      'IdentityNotFound',
    );
    const image = { token };
    const searched = await api.run(IDENTIFY, {
      key,
      variables: { image, gallery: { id: hidden } },
    });
    expect(searched.data.identify.__typename).toBe('GalleryNotFound');
    expect(rowId(hidden)).not.toBe(rowId(gallery));
  });
});

const SAMPLE = join(import.meta.dirname, '../node_modules/@vladmandic/face-api/demo/sample3.jpg');
const missing = [
  ...DEFAULT_MODELS.filter((model) => !hasWeights(model)),
  ...(existsSync(SAMPLE) ? [] : ['photographs of @vladmandic/face-api']),
];

describe.skipIf(missing.length > 0)(
  `tokens on the real engine${missing.length > 0 ? ` (missing: ${missing.join(', ')})` : ''}`,
  () => {
    it('embed as the photograph does, to 1e-5', async () => {
      const directory = await temporaryDirectory();
      const api = await openApi(fakeEngine(), { directory: directory.path });
      const engine = await openEngine();
      const db = api.database.client;
      const image = await decodeImage(await readFile(SAMPLE));
      const { id } = await db.apiKey.findFirstOrThrow();
      const faces = await engine.detect(image, { minFaceSize: 60 });
      expect(faces).toHaveLength(3);
      const embedder = await engine.embedder('facenet-vggface2');
      const whole = await embedder.embed(image, faces);
      for (const [i, found] of faces.entries()) {
        const token = await keepFace(
          db,
          id,
          { image, bytes: new Uint8Array(), hash: 'sample3' },
          found,
        );
        const probe = await probeOf(engine, await redeem(db, id, token!.secret));
        expect(probe.faces.map(({ box }) => box)).toEqual([found.box]);
        expect(probe.image.width).toBeLessThan(image.width);
        const [kept] = await embedProbe(embedder, probe, probe.faces);
        expect(Math.max(...kept.map((v, d) => Math.abs(v - whole[i][d])))).toBeLessThan(1e-5);
        expect(cosineDistance(kept, whole[i])).toBeLessThan(1e-5);
      }
      await engine.close();
      await api.close();
      await directory.remove();
    }, 400_000);
  },
);
