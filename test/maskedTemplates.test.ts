import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Embedder } from '../src/engine/engine.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodePng } from '../src/engine/image/encode.ts';
import { exportBundle } from '../src/faces/bundle/exportBundle.ts';
import { importBundle } from '../src/faces/bundle/importBundle.ts';
import type { Service } from '../src/faces/gallery/galleries.ts';
import { drawMask } from '../src/faces/masks/draw.ts';
import { MASK_KINDS, type MaskKind, styleOf } from '../src/faces/masks/style.ts';
import { maskTemplates } from '../src/faces/masks/templates.ts';
import { archive, partsOf, summed } from './api/bundles.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const { red, green, blue } = PEOPLE;
const OLD = 'facenet-vggface2';
const NEW = 'resnet50-vggface2';
const GREY = 128;

/** An embedding that knows the colour of a tile and how bright it is about the mouth, where masks are. */
function seesMasks(model: string, order: readonly number[]): Embedder {
  return {
    model,
    dimensions: 4,
    threshold: 0.1,
    embed: async ({ data, width }, faces) =>
      faces.map(({ box, landmarks: { nose, mouthLeft } }) => {
        const [x, y] = [Math.round(nose[0]), Math.round(mouthLeft[1])];
        let sum = 0;
        for (let dy = -4; dy < 4; dy++)
          for (let dx = -4; dx < 4; dx++) sum += data[((y + dy) * width + x + dx) * 3];
        const colour = [...data.subarray(box[0] * 3, box[0] * 3 + 3)].map((v) => v - GREY);
        const values = [...colour, 4 * (sum / 64 - GREY)];
        const norm = Math.hypot(...values);
        return Float32Array.from(order, (i) => values[i] / norm);
      }),
    classify: async () => [],
  };
}

/** The first face of a picture under a mask of this kind, as an upload. */
async function masked(kind: MaskKind, engine: FakeEngine, bytes: Uint8Array) {
  const image = await decodeImage(bytes);
  const [face] = await engine.detect(image);
  const style = styleOf({ kind, coverage: 'high' }, MASK_KINDS.indexOf(kind));
  return new Uint8Array(encodePng(drawMask(image, face, style)));
}

describe('masked templates', () => {
  const engine = fakeEngine();
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let api: Api;
  let service: Service;
  let n95: Uint8Array<ArrayBuffer>;

  beforeAll(async () => {
    const embedders = [seesMasks(OLD, [0, 1, 2, 3]), seesMasks(NEW, [3, 2, 1, 0])];
    engine.embedder = async (model) => embedders.find((one) => one.model === model)!;
    n95 = await masked('n95', engine, picture(red));
    directory = await temporaryDirectory();
    api = await openApi(engine, { directory: directory.path, jobs: { leaseMs: 1500 } });
    service = { db: api.database.client, engine, indexes: api.indexes, galleries: null };
  });
  afterAll(async () => {
    await api?.close();
    await directory.remove();
    await closeDecoder();
  });

  const gallery = async (name: string, maskedTemplates: boolean, keepImages = false) => {
    const query = `mutation ($name: String!, $masked: Boolean!, $keep: Boolean!) {
      createGallery(name: $name, maskedTemplates: $masked, keepImages: $keep) { ... on Gallery { id } } }`;
    const variables = { name, masked: maskedTemplates, keep: keepImages };
    return (await api.run(query, { variables })).data.createGallery.id as string;
  };
  const enrol = async (into: string, name: string, image: Uint8Array<ArrayBuffer>) => {
    const query = `mutation ($image: ImageInput!, $name: String!, $gallery: String!) {
      enrolFace(image: $image, identity: { new: { name: $name, gallery: { name: $gallery } } }) {
        __typename ... on Face { id identity { id } } ... on Failure { message } } }`;
    const variables = { name, gallery: into };
    const { data } = await api.run(query, { variables, files: { 'image.file': image } });
    return data.enrolFace;
  };
  const identify = async (from: string, image: Uint8Array<ArrayBuffer>, more = '') => {
    const query = `query ($image: ImageInput!, $gallery: String!) {
      identify(image: $image, gallery: { name: $gallery } ${more}) { ... on Identification {
        rule { comparisons }
        faces { match { matchedMask fmrEstimate identity { name } }
          candidates { matchedMask distance identity { name } face { id } } } } } }`;
    const options = { variables: { gallery: from }, files: { 'image.file': image } };
    return (await api.run(query, options)).data.identify.faces[0];
  };
  const update = (id: string, maskedTemplates: boolean) =>
    api.run(
      `mutation ($id: ID!, $masked: Boolean!) {
        updateGallery(id: $id, maskedTemplates: $masked) { ... on Gallery { maskedTemplates } } }`,
      { variables: { id, masked: maskedTemplates } },
    );
  const counts = async (id: string) =>
    (
      await api.run(
        `query ($id: ID!) { gallery(by: { id: $id }) { maskedTemplates faceCount maskedFaceCount } }`,
        { variables: { id } },
      )
    ).data.gallery;
  const rows = (name: string) =>
    api.database.client.maskEmbedding.findMany({
      where: { face: { gallery: { name } } },
      orderBy: [{ faceId: 'asc' }, { kind: 'asc' }],
    });
  const jobsEnd = () =>
    expect
      .poll(() => api.database.client.job.count({ where: { finishedAt: null } }), {
        timeout: 20_000,
        interval: 20,
      })
      .toBe(0);

  it('are the same for the same photograph, one of each kind, and unlike the face', async () => {
    const image = await decodeImage(picture(green, red));
    const [, face] = await engine.detect(image);
    const embedder = await engine.embedder(OLD);
    const [once, again] = [1, 2].map(() => maskTemplates(embedder, image, face));
    expect((await once).map(({ kind }) => kind)).toEqual(['SURGICAL', 'N95', 'CLOTH', 'ROUND']);
    expect(await once).toEqual(await again);
    const [plain] = await embedder.embed(image, [face]);
    for (const { embedding } of await once)
      expect(embedding.reduce((sum, v, i) => sum + v * plain[i], 0)).toBeLessThan(0.95);
  });

  it('let a masked probe be recognised, and the answer says by which', async () => {
    await gallery('without', false);
    const id = await gallery('with', true);
    for (const name of ['without', 'with']) {
      await enrol(name, 'Red', picture(red));
      await enrol(name, 'Green', picture(green));
      await enrol(name, 'Blue', picture(blue));
    }
    expect(await rows('without')).toEqual([]);
    expect(await rows('with')).toHaveLength(12);
    expect(await counts(id)).toEqual({ maskedTemplates: true, faceCount: 3, maskedFaceCount: 3 });

    expect((await identify('without', n95)).match).toBeNull();
    const { match, candidates } = await identify('with', n95, 'top: 3');
    expect(match).toMatchObject({ matchedMask: 'N95', identity: { name: 'Red' } });
    expect(match.fmrEstimate).toBeNull();
    expect(candidates[0].distance).toBeLessThan(0.01);
    // Three people, though each has rows that are nearer than some people.
    expect(new Set(candidates.map((one: typeof match) => one.identity.name)).size).toBe(3);
    expect((await identify('with', picture(red))).match).toMatchObject({
      matchedMask: null,
      identity: { name: 'Red' },
    });
    expect(
      (await identify('with', n95, 'rankBy: TEMPLATE')).candidates.map(
        (one: typeof match) => one.matchedMask,
      ),
    ).not.toContain('N95');
    expect(api.indexes.comparisons((await row('with')).id)).toBe(15);
  });

  const row = (name: string) =>
    api.database.client.gallery.findUniqueOrThrow({ where: { name }, include: { faces: true } });

  it('count in verify, between a person and a photograph', async () => {
    const { faces } = await row('with');
    const people = faces.map(({ identityId }) =>
      Buffer.from(`Identity:${identityId}`).toString('base64'),
    );
    const query = `query ($a: ProbeInput!, $b: ProbeInput!) { verify(a: $a, b: $b) {
      ... on Verification { match pairs { matchedMask distance fmrEstimate } } ... on Failure { message } } }`;
    const { data } = await api.run(query, {
      variables: { a: { identity: people[0] }, b: { file: null } },
      files: { 'b.file': n95 },
    });
    expect(data.verify).toMatchObject({ match: true, pairs: [{ matchedMask: 'N95' }] });
    expect(data.verify.pairs[0].fmrEstimate).toBeNull();
    // Under one mask all look alike: two people are compared by their faces.
    const two = await api.run(query, {
      variables: { a: { identity: people[0] }, b: { identity: people[1] } },
    });
    expect(two.data.verify.match).toBe(false);
    expect(two.data.verify.pairs[0].distance).toBeGreaterThan(0.5);
  });

  it('are no faces: neither for duplicates nor for templates nor among neighbours', async () => {
    const made = await enrol('with', 'Red masked', n95);
    expect(made.__typename).toBe('Face');
    const query = `query ($id: ID!) { similarFaces(face: $id, top: 3) { ... on SimilarFaces {
      faces { matchedMask distance face { id identity { name } } } } } }`;
    const { data } = await api.run(query, { variables: { id: made.id } });
    const { faces } = data.similarFaces;
    expect(faces[0]).toMatchObject({ matchedMask: 'N95', face: { identity: { name: 'Red' } } });
    expect(new Set(faces.map(({ face }: { face: { id: string } }) => face.id)).size).toBe(3);
    expect(faces.map(({ face }: { face: { id: string } }) => face.id)).not.toContain(made.id);

    const people = await api.database.client.identity.findMany({
      where: { gallery: { name: 'with' } },
      include: { faces: { include: { embeddings: true } } },
    });
    for (const { template, faces: theirs } of people)
      expect(template).toEqual(theirs[0].embeddings[0].vector);
  });

  it('go with the person, and the receipt counts them', async () => {
    const { faces } = await row('with');
    const person = await api.database.client.identity.findFirstOrThrow({
      where: { name: 'Blue', gallery: { name: 'with' } },
    });
    const id = Buffer.from(`Identity:${person.id}`).toString('base64');
    const query = `mutation ($id: ID!) { eraseIdentity(id: $id, confirmName: "Blue") {
      __typename ... on Erasure { counts { embeddings faces } } ... on Failure { message } } }`;
    const { data } = await api.run(query, { variables: { id } });
    expect(data.eraseIdentity.counts).toEqual({ embeddings: 5, faces: 1 });
    expect(await rows('with')).toHaveLength(4 * (faces.length - 1));
  });

  it('come with faces of nobody and of bulk jobs', async () => {
    await gallery('bulk', true);
    const enrolInBulk = `mutation ($uploads: [BulkUpload!]!, $unknown: Boolean!) {
      enrolInBulk(gallery: { name: "bulk" }, source: { uploads: $uploads }, unknown: $unknown) {
        __typename ... on Failure { message } } }`;
    for (const [unknown, colour] of [
      [false, red],
      [true, green],
    ] as const)
      await api.run(enrolInBulk, {
        variables: { unknown, uploads: [{ image: { file: null }, name: 'Red' }] },
        files: { 'uploads.0.image.file': picture(colour) },
      });
    await jobsEnd();
    expect(await rows('bulk')).toHaveLength(8);
    const masks = await masked('cloth', engine, picture(green));
    expect((await identify('bulk', masks)).match).toBeNull();
    const face = (await row('bulk')).faces.find(({ identityId }) => !identityId)!;
    const assign = `mutation ($id: ID!) { reassignFace(face: $id, to: { new: { name: "Green" } }) {
      __typename ... on Failure { message } } }`;
    const id = Buffer.from(`Face:${face.id}`).toString('base64');
    const { data } = await api.run(assign, { variables: { id } });
    expect(data.reassignFace.message).toBeUndefined();
    expect((await identify('bulk', masks)).match).toMatchObject({ matchedMask: 'CLOTH' });
  });

  it('are deleted when turned off, and made of stored photographs when turned on', async () => {
    const kept = await gallery('kept', false, true);
    const bare = await gallery('bare', false);
    for (const name of ['kept', 'bare']) await enrol(name, 'Red', picture(red));
    for (const id of [kept, bare]) await update(id, true);
    await jobsEnd();
    const all = { maskedTemplates: true, faceCount: 1, maskedFaceCount: 1 };
    expect(await counts(kept)).toEqual(all);
    expect(await counts(bare)).toEqual({ ...all, maskedFaceCount: 0 });
    expect((await identify('kept', n95)).match).toMatchObject({ matchedMask: 'N95' });
    expect((await identify('bare', n95)).match).toBeNull();
    const [job, ...others] = await api.database.client.job.findMany({
      where: { kind: 'DRAW_MASKS' },
    });
    expect(others).toEqual([]);
    expect(job).toMatchObject({ state: 'DONE', total: 1, done: 1, refused: 0 });

    await update(kept, false);
    expect(await rows('kept')).toEqual([]);
    expect(await counts(kept)).toEqual({
      maskedTemplates: false,
      faceCount: 1,
      maskedFaceCount: 0,
    });
    expect((await identify('kept', n95)).match).toBeNull();
    expect((await identify('kept', picture(red))).match).toMatchObject({ matchedMask: null });
  });

  it('are made anew by another model', async () => {
    await gallery('moved', true, true);
    await enrol('moved', 'Red', picture(red));
    await api.run(
      `mutation { reembed(gallery: { name: "moved" }, model: "${NEW}") { __typename } }`,
    );
    await jobsEnd();
    expect((await rows('moved')).map(({ model }) => model)).toEqual(Array(4).fill(NEW));
    expect((await identify('moved', n95)).match).toMatchObject({ matchedMask: 'N95' });
  });

  it('travel in a bundle', async () => {
    await gallery('travels', true);
    await enrol('travels', 'Red', picture(red));
    await gallery('travels light', false);
    await enrol('travels light', 'Red', picture(red));
    const bundle = async (name: string) => {
      const { stream } = await exportBundle(service, { name }, { keyId: 'test' });
      return Buffer.concat(await stream.toArray());
    };
    const take = (bytes: Buffer, name: string) =>
      importBundle(service, Readable.from([bytes]), { keyId: 'test', name, newIds: true });
    const light = partsOf(await bundle('travels light'));
    expect(light.map(({ name }) => name)).not.toContain('masks.f16');

    const bytes = await bundle('travels');
    await take(bytes, 'arrived');
    expect((await rows('arrived')).map(({ kind }) => kind)).toEqual([
      'SURGICAL',
      'N95',
      'CLOTH',
      'ROUND',
    ]);
    expect((await identify('arrived', n95)).match).toMatchObject({ matchedMask: 'N95' });

    const changed = (change: (text: string) => string, only = 'manifest.json') =>
      archive(
        summed(
          partsOf(bytes).map((part) =>
            part.name === only ? { ...part, data: Buffer.from(change(String(part.data))) } : part,
          ),
        ),
      );
    const off = (text: string) =>
      text.replace('"maskedTemplates": true', '"maskedTemplates": false');
    await expect(take(changed(off), 'off')).rejects.toThrow(/of a gallery without/);
    const none = (text: string) => text.replace('"masked":true', '"masked":false');
    await expect(take(changed(none, 'faces.jsonl'), 'none')).rejects.toThrow(/are not what/);
    const unsummed = partsOf(bytes).map((part) => {
      if (part.name !== 'checksums.json') return part;
      const { 'masks.f16': _, ...sums } = JSON.parse(String(part.data));
      return { ...part, data: Buffer.from(JSON.stringify(sums)) };
    });
    await expect(take(archive(unsummed), 'unsummed')).rejects.toThrow(/masks.f16 is not what/);
  });
});
