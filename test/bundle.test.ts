import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { exportBundle } from '../src/faces/bundle/exportBundle.ts';
import { FaceLine, GalleryFields, IdentityLine } from '../src/faces/bundle/format.ts';
import { changeFaces } from '../src/faces/gallery/changes.ts';
import { Prisma } from '../src/generated/prisma/client.ts';
import { archive, contentOf, galleryOf, type Part, partsOf, summed } from './api/bundles.ts';
import { PEOPLE, picture } from './api/fakeEngine.ts';
import type { Api } from './api/harness.ts';
import {
  exported,
  imported,
  openTwoServers,
  service,
  spools,
  type TwoServers,
} from './api/twoServers.ts';
import { randomArray } from './support/random.ts';
import { randomUnit, unit } from './support/unit.ts';

const PROBE = randomUnit(4711, 3);

// Faces of one person lie together: the mean of opposite ones would be nothing but rounding.
const Faces = fc.record({ person: fc.nat(), count: fc.nat(4) }).map(({ person, count }) =>
  Array.from({ length: count }, (_, face) => {
    const noise = randomArray(person + face + 1, 3);
    return unit(...randomArray(person, 3).map((value, i) => value + noise[i] / 4));
  }),
);

const Somebody = fc.record({
  name: fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((name) => !name.includes('\0')),
  externalId: fc.option(fc.uuid()),
  faces: Faces,
});

describe('gallery bundle', () => {
  let two: TwoServers;
  let here: Api;
  let there: Api;
  beforeAll(async () => {
    two = await openTwoServers();
    ({ here, there } = two);
  });
  afterAll(() => two?.close());

  it('carries every column but those an import makes itself', () => {
    // Whoever adds a column says here, or in the format and docs/bundle.md, what becomes of it.
    const made = {
      gallery: ['model', 'version'],
      identity: ['galleryId', 'template'],
      // Jobs do not travel.
      // How far apart it is follows from the embeddings.
      face: ['galleryId', 'jobId', 'apart'],
    };
    const names = (shape: object, more: string[]) => [...Object.keys(shape), ...more].sort();
    expect(Object.keys(Prisma.GalleryScalarFieldEnum).sort()).toEqual(
      names(GalleryFields.shape, made.gallery),
    );
    expect(Object.keys(Prisma.IdentityScalarFieldEnum).sort()).toEqual(
      names(IdentityLine.shape, made.identity),
    );
    expect(Object.keys(Prisma.FaceScalarFieldEnum).sort()).toEqual(
      names(FaceLine.shape, made.face),
    );
  });

  it('restores a gallery elsewhere: identities, faces and answers', async () => {
    let run = 0;
    const people = fc.uniqueArray(Somebody, {
      maxLength: 6,
      selector: ({ externalId, name }) => externalId ?? name,
    });
    await fc.assert(
      fc.asyncProperty(people, fc.constantFrom(null, 1, 2), async (all, threshold) => {
        const id = await galleryOf(service(here), { name: `property ${run++}`, threshold }, all);
        const bytes = await exported(here, id);
        const { gallery, identities, faces } = await imported(there, bytes);
        expect(gallery.id).toBe(id);
        expect([identities, faces]).toEqual([all.length, all.flatMap((a) => a.faces).length]);
        expect(await contentOf(there.database, id)).toEqual(await contentOf(here.database, id));
        expect(there.indexes.size(id)).toBe(faces);
        for (const rankBy of ['face', 'template'] as const) {
          const options = { top: 50, threshold: 2, rankBy };
          const [before] = await here.indexes.identify(id, [PROBE], options);
          const [after] = await there.indexes.identify(id, [PROBE], options);
          const distances = new Map(after.candidates.map((c) => [c.identity, c.distance]));
          expect(distances.size).toBe(before.candidates.length);
          for (const { identity, distance } of before.candidates)
            expect(Math.abs(distances.get(identity)! - distance)).toBeLessThan(1e-3);
        }
        // What was rounded once is not rounded again.
        expect(partsOf(await exported(there, id)).slice(1, 3)).toEqual(partsOf(bytes).slice(1, 3));
      }),
      { numRuns: 10 },
    );
    await expect.poll(spools).toEqual([]);
  });

  it('carries labels, consent, settings and the faces of nobody known', async () => {
    const db = here.database.client;
    const faces = [unit(1, 0, 0), unit(1, 0.2, 0), unit(0, 1, 0)];
    const id = await galleryOf(service(here), { name: 'whole' }, [
      { name: 'Ada', externalId: null, faces },
    ]);
    await db.gallery.update({ where: { id }, data: { keepImages: true, retentionDays: 30 } });
    const [{ id: identityId }] = await db.identity.findMany({ where: { galleryId: id } });
    const recorded = new Date('2026-01-31T12:00:00.000Z');
    const consent = { consentBasis: 'form', consentRecordedAt: recorded, consentExpiresAt: null };
    await db.identity.update({
      where: { id: identityId },
      data: { labels: ['staff', 'night'], ...consent },
    });
    await changeFaces(service(here), id, async (tx, touched) => {
      const { id: nobodys } = await tx.face.findFirstOrThrow({ where: { galleryId: id } });
      await tx.face.update({ where: { id: nobodys }, data: { identityId: null } });
      touched.faces.add(nobodys);
      touched.identities.add(identityId);
    });
    const { gallery } = await imported(there, await exported(here, id));
    const content = await contentOf(there.database, gallery.id);
    expect(content).toEqual(await contentOf(here.database, id));
    expect(content.faces.filter((face) => face.identityId === null)).toHaveLength(1);
    expect(there.indexes.size(gallery.id)).toBe(2);
    const near = (api: Api) => api.indexes.nearest(id, [unit(1, 0, 0)], 5, 'unassigned');
    expect((await near(there))[0].map((hit) => hit.id)).toEqual(
      (await near(here))[0].map((hit) => hit.id),
    );
  });

  describe('with photographs', () => {
    const red = picture(PEOPLE.red);
    const both = picture(PEOPLE.green, PEOPLE.blue);
    let id: string;
    let bytes: Buffer;
    const photographs = async (api: Api, galleryId: string) =>
      (
        await api.database.client.storedImage.findMany({
          where: { galleryId },
          orderBy: { hash: 'asc' },
        })
      ).map(({ mediaType, bytes }) => [mediaType, Buffer.from(bytes)]);

    beforeAll(async () => {
      const create = `mutation { createGallery(name: "pictured", keepImages: true) { ... on Gallery { id } } }`;
      const globalId = (await here.run(create)).data.createGallery.id;
      id = Buffer.from(globalId, 'base64').toString().split(':')[1];
      const enrol = `mutation ($image: ImageInput!, $name: String!, $face: Int!) {
        enrolFace(image: $image, face: $face, identity: { new: { gallery: { name: "pictured" }, name: $name } }) { __typename } }`;
      for (const [name, image, face] of [
        ['Red', red, 0],
        ['Green', both, 0],
        ['Blue', both, 1],
      ] as const)
        await here.run(enrol, { variables: { name, face }, files: { 'image.file': image } });
      const bundle = await exportBundle(service(here), { id }, { keyId: 'test', images: true });
      bytes = Buffer.concat(await bundle.stream.toArray());
    });

    afterAll(closeDecoder);

    it('brings them along, by what they hash to', async () => {
      const names = partsOf(bytes).map(({ name }) => name);
      expect(names).toHaveLength(7);
      expect(names.slice(4, 6)).toEqual([...names.slice(4, 6)].sort());
      const { images, jobId, gallery } = await imported(there, bytes, { newIds: true });
      expect([images, jobId]).toEqual([2, null]);
      expect(await photographs(there, gallery.id)).toEqual(await photographs(here, id));
      expect((await exported(here, id)).length).toBeLessThan(bytes.length);
      expect(partsOf(await exported(here, id))).toHaveLength(5);
    });

    it('comes into another model out of them, or not at all', async () => {
      const model = 'resnet50-vggface2';
      const into = { name: 'other model', newIds: true, model };
      const without = await exported(here, id);
      await expect(imported(there, without, into)).rejects.toMatchObject({
        code: 'ImagesMissing',
        message: '3 faces have no usable stored photograph',
      });
      const db = there.database.client;
      expect(await db.gallery.count({ where: { name: 'other model' } })).toBe(0);
      await expect(imported(there, bytes, { ...into, model: 'none' })).rejects.toMatchObject({
        code: 'InvalidInput',
      });
      const { gallery, jobId } = await imported(there, bytes, into);
      expect(jobId).not.toBeNull();
      there.jobs.wake();
      const now = () => db.gallery.findUniqueOrThrow({ where: { id: gallery.id } });
      await expect.poll(async () => (await now()).model, { timeout: 10_000 }).toBe(model);
      const find = `query ($image: ImageInput!) { identify(image: $image, gallery: { name: "other model" }) {
        ... on Identification { model faces { match { identity { name } } } } } }`;
      const { data } = await there.run(find, { files: { 'image.file': picture(PEOPLE.blue) } });
      expect(data.identify).toEqual({ model, faces: [{ match: { identity: { name: 'Blue' } } }] });
    });

    it('is refused when they are not what they are called, of no face, or of no use', async () => {
      const parts = partsOf(bytes);
      const other = (edit: (list: Part[]) => Part[]) =>
        imported(there, archive(summed(edit(parts.map((part) => ({ ...part }))))), {
          name: 'damaged',
          newIds: true,
        });
      const reason = (message: RegExp) => ({
        code: 'BundleInvalid',
        message: expect.stringMatching(message),
      });
      const swap = ([a, b, c, d, e, f, g]: Part[]) => [a, b, c, d, f, e, g];
      await expect(other(swap)).rejects.toMatchObject(reason(/not in order/));
      await expect(other((list) => list.toSpliced(4, 1))).rejects.toMatchObject(
        reason(/checksums.json" is where a photograph/),
      );
      await expect(
        other((list) => list.with(4, { ...list[4], data: Buffer.from('x') })),
      ).rejects.toMatchObject(reason(/not what its name says/));
      const manifest =
        (
          change: (value: { counts: { images: number }; gallery: { keepImages: boolean } }) => void,
        ) =>
        (list: Part[]) => {
          const value = JSON.parse(String(list[0].data));
          change(value);
          return list.with(0, { ...list[0], data: Buffer.from(JSON.stringify(value)) });
        };
      await expect(
        other(
          manifest(({ gallery }) => {
            gallery.keepImages = false;
          }),
        ),
      ).rejects.toMatchObject(reason(/keeps none/));
      const stranger = picture([1, 2, 3]);
      const name = `images/${createHash('sha256').update(stranger).digest('hex')}`;
      const strange = (list: Part[]) =>
        manifest(({ counts }) => {
          counts.images = 3;
        })([
          ...list.slice(0, 4),
          ...[...list.slice(4, 6), { name, data: Buffer.from(stranger) }].sort((a, b) =>
            a.name < b.name ? -1 : 1,
          ),
          list[6],
        ]);
      await expect(other(strange)).rejects.toMatchObject(
        reason(/1 of its photographs show no face/),
      );
      const text = Buffer.from('no picture');
      const called = `images/${createHash('sha256').update(text).digest('hex')}`;
      const broken = (list: Part[]) =>
        manifest(({ counts }) => {
          counts.images = 1;
        })([...list.slice(0, 4), { name: called, data: text }, list[6]]);
      await expect(other(broken)).rejects.toMatchObject(reason(/images\/.*JPEG/));
      expect(await spools()).toEqual([]);
    });
  });

  it('holds thousands of faces of a person and of people', async () => {
    const one = { externalId: null, faces: [] };
    const id = await galleryOf(service(here), { name: 'many' }, [
      { ...one, name: 'many faces', faces: Array.from({ length: 1100 }, (_, i) => unit(i, 1, 2)) },
    ]);
    const rows = Array.from({ length: 2100 }, (_, i) => ({ galleryId: id, name: `person ${i}` }));
    await here.database.client.identity.createMany({ data: rows });
    const { identities, faces } = await imported(there, await exported(here, id));
    expect([identities, faces]).toEqual([2101, 1100]);
    expect(await contentOf(there.database, id)).toEqual(await contentOf(here.database, id));
  });

  it('comes in without what older bundles lack', async () => {
    const people = [{ name: 'Ada', externalId: null, faces: [unit(1, 2, 3)] }];
    const id = await galleryOf(service(here), { name: 'older' }, people);
    const without = (text: string, names: readonly string[]) =>
      JSON.stringify(JSON.parse(text), (key, value) => (names.includes(key) ? undefined : value));
    const parts = partsOf(await exported(here, id)).map(({ name, data }) => {
      if (name === 'manifest.json') {
        const older = without(String(data), ['images', 'falseHitRate', 'qualityLimits']);
        expect(older.length).toBeLessThan(data.length);
        return { name, data: Buffer.from(older) };
      }
      if (name !== 'faces.jsonl') return { name, data };
      const measures =
        'score size sharpness yaw pitch roll brightness contrast dark bright outside';
      const older = without(String(data), measures.split(' '));
      expect(JSON.parse(older)).not.toHaveProperty('outside');
      return { name, data: Buffer.from(`${older}\n`) };
    });
    const { gallery, images } = await imported(there, archive(summed(parts)));
    expect([gallery.falseHitRate, gallery.qualityLimits, images]).toEqual([null, null, 0]);
    expect(await contentOf(there.database, id)).toEqual(await contentOf(here.database, id));
  });

  it('is refused where its name or an id is taken, and goes in under others', async () => {
    const people = [{ name: 'Ada', externalId: 'a', faces: [unit(1, 2, 3), unit(1, 2, 2)] }];
    const id = await galleryOf(service(here), { name: 'taken' }, people);
    const bytes = await exported(here, id);
    await expect(imported(here, bytes)).rejects.toMatchObject({ code: 'NameTaken' });
    await expect(imported(here, bytes, { name: 'other' })).rejects.toMatchObject({
      code: 'IdTaken',
    });
    const { gallery } = await imported(here, bytes, { name: ' other ', newIds: true });
    expect(gallery.name).toBe('other');
    const { identities, faces } = await contentOf(here.database, gallery.id);
    const before = await contentOf(here.database, id);
    expect(identities).toHaveLength(1);
    expect(identities[0].id).not.toBe(before.identities[0].id);
    expect(faces.map(({ identityId }) => identityId)).toEqual(faces.map(() => identities[0].id));
    const [{ match }] = await here.indexes.identify(gallery.id, [unit(1, 2, 3)], {
      top: 1,
      threshold: 0.1,
      rankBy: 'face',
    });
    expect(match).toBe(identities[0].id);

    // Ids of people and faces that live on in another gallery.
    const moved = partsOf(bytes).map((part) =>
      part.name === 'manifest.json'
        ? {
            ...part,
            data: Buffer.from(String(part.data).replace(id, uuid())),
          }
        : part,
    );
    await expect(imported(here, archive(summed(moved)), { name: 'third' })).rejects.toMatchObject({
      code: 'IdTaken',
      message: expect.stringMatching(/identity/),
    });
    expect(await here.database.client.gallery.count({ where: { name: 'third' } })).toBe(0);
  });

  it('is seen whole by a process that still holds a deleted gallery of the id', async () => {
    const id = await galleryOf(service(here), { name: 'again' }, [
      { name: 'Ada', externalId: null, faces: [unit(1, 0, 0)] },
      { name: 'Bob', externalId: null, faces: [unit(0, 1, 0)] },
    ]);
    const bytes = await exported(here, id);
    await here.database.client.gallery.delete({ where: { id } });
    await imported(here, bytes);
    expect(here.indexes.size(id)).toBe(2);
  });
});
