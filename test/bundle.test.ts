import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../src/api/operation/metrics.ts';
import { createServer } from '../src/api/server.ts';
import { toHalf } from '../src/engine/half.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { exportBundle } from '../src/faces/bundle/exportBundle.ts';
import { FaceLine, GalleryFields, IdentityLine } from '../src/faces/bundle/format.ts';
import { importBundle } from '../src/faces/bundle/importBundle.ts';
import { changeFaces } from '../src/faces/gallery/changes.ts';
import type { Service } from '../src/faces/gallery/galleries.ts';
import { createKey } from '../src/faces/keys.ts';
import { Prisma } from '../src/generated/prisma/client.ts';
import { archive, contentOf, galleryOf, type Part, partsOf, summed } from './api/bundles.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';
import { randomArray } from './support/random.ts';

const PROBE = unit(...randomArray(4711, 3));

function unit(...values: number[]): Float32Array {
  const norm = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / norm);
}

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
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let server: Postgres | undefined;
  let here: Api;
  let there: Api;
  const engine = fakeEngine();
  const service = ({ database, indexes }: Api): Service => ({
    db: database.client,
    engine,
    indexes,
    galleries: null,
  });
  const exported = async (api: Api, id: string) =>
    Buffer.concat(
      await (await exportBundle(service(api), { id }, { keyId: 'test' })).stream.toArray(),
    );
  const imported = (api: Api, bytes: Buffer, options = {}) =>
    importBundle(service(api), Readable.from([bytes]), { keyId: 'test', ...options });
  // Of this test alone, so that whatever is left behind there is ours.
  const temporary = process.env.TMPDIR;
  const spools = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith('facegraph-bundle-'));

  beforeAll(async () => {
    directory = await temporaryDirectory();
    if (POSTGRES_BIN) server = await startPostgres();
    process.env.TMPDIR = `${directory.path}/temporary`;
    await mkdir(process.env.TMPDIR);
    here = await openApi(engine, { directory: `${directory.path}/here` });
    const url = await server?.database();
    there = await openApi(engine, { directory: `${directory.path}/there`, url });
  });

  afterAll(async () => {
    await here?.close();
    await there?.close();
    await server?.stop();
    await directory.remove();
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
  });

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

  describe('that is damaged or hostile', () => {
    let parts: Part[];
    beforeAll(async () => {
      const id = await galleryOf(service(here), { name: 'victim' }, [
        { name: 'Ada', externalId: 'a', faces: [unit(1, 2, 3), unit(1, 2, 2)] },
        { name: 'Bob', externalId: 'b', faces: [unit(3, 2, 3)] },
      ]);
      parts = partsOf(await exported(here, id));
      await vi.waitFor(async () => expect(await spools()).toEqual([]));
    });

    const change = (name: string, edit: (text: string) => string | Buffer) => (all: Part[]) =>
      summed(
        all.map((part) =>
          part.name === name ? { ...part, data: Buffer.from(edit(String(part.data))) } : part,
        ),
      );
    const manifest = (edit: (value: Record<string, never>) => void) =>
      change('manifest.json', (text) => {
        const value = JSON.parse(text);
        edit(value);
        return JSON.stringify(value);
      });
    const lines = (name: string, edit: (all: string[]) => string[]) =>
      change(name, (text) => `${edit(text.trimEnd().split('\n')).join('\n')}\n`);
    const embeddings = (edit: (values: Uint16Array) => void) => (all: Part[]) =>
      summed(
        all.map((part) => {
          if (part.name !== 'embeddings.f16') return part;
          const values = new Uint16Array(Uint8Array.from(part.data).buffer);
          edit(values);
          return { ...part, data: Buffer.from(values.buffer) };
        }),
      );
    const swap = ([a, b, ...rest]: string[]) => [b, a, ...rest];
    const only =
      (name: string, more: Partial<Part>) =>
      (all: Part[]): Part[] =>
        all.map((part) => (part.name === name ? { ...part, ...more } : part));

    it.each<[string, (parts: Part[]) => Part[], RegExp, string?]>([
      ['nothing', () => [], /no tar header where manifest/],
      ['no manifest', (all) => all.slice(1), /"identities.jsonl" .* where manifest/],
      ['no checksums', (all) => all.slice(0, -1), /no tar header where checksums/],
      ['members in another order', ([a, b, c, ...rest]) => [a, c, b, ...rest], /is where ident/],
      ['a member twice', ([a, b, ...rest]) => [a, b, b, ...rest], /is where faces.jsonl/],
      [
        'a foreign member',
        (all) => [...all.slice(0, 1), { name: 'x', data: Buffer.from('x') }],
        /"x"/,
      ],
      ['a path out of the folder', only('faces.jsonl', { name: '../../faces.jsonl' }), /"\.\.\//],
      ['an absolute path', only('faces.jsonl', { name: '/etc/passwd' }), /passwd/],
      [
        'a link',
        only('faces.jsonl', {
          data: Buffer.alloc(0),
          header: { type: 'SymbolicLink', linkpath: '/etc/passwd' },
        }),
        /SymbolicLink/,
      ],
      ['a size of terabytes', only('faces.jsonl', { header: { size: 2 ** 42 } }), /cannot have/],
      [
        'a changed byte',
        (all) =>
          all.map((part) =>
            part.name === 'faces.jsonl'
              ? { ...part, data: Buffer.from(String(part.data).replace('0.98', '0.97')) }
              : part,
          ),
        /checksum/,
      ],
      ['other checksums', only('checksums.json', { data: Buffer.from('{}') }), /checksums.json/],
      ['a manifest that is no JSON', change('manifest.json', () => '{'), /no JSON/],
      ['deep JSON', change('manifest.json', () => '['.repeat(60_000)), /no JSON/],
      ['another format', manifest((m) => Object.assign(m, { format: 'x' })), /format/],
      ['a later version', manifest((m) => Object.assign(m, { version: 2 })), /version/],
      ['a field too many', manifest((m) => Object.assign(m, { extra: 1 })), /extra/],
      ['huge counts', manifest((m) => Object.assign(m.counts, { faces: 1e12 })), /counts.faces/],
      ['negative counts', manifest((m) => Object.assign(m.counts, { faces: -1 })), /counts.faces/],
      [
        'more people counted',
        manifest((m) => Object.assign(m.counts, { identities: 3 })),
        /2 identities/,
      ],
      [
        'fewer faces counted',
        manifest((m) => Object.assign(m.counts, { faces: 2 })),
        /embeddings.f16 cannot have/,
      ],
      [
        'an id that is none',
        manifest((m) => Object.assign(m.gallery, { id: "x'; --" })),
        /gallery.id/,
      ],
      [
        'a gallery without a name',
        manifest((m) => Object.assign(m.gallery, { name: '' })),
        /gallery.name/,
      ],
      [
        'a threshold of 3',
        manifest((m) => Object.assign(m.gallery, { threshold: 3 })),
        /threshold/,
      ],
      [
        'an unknown model',
        manifest((m) => Object.assign(m.model, { name: 'x' })),
        /not known here/,
        'ModelMismatch',
      ],
      [
        'a model without weights here',
        manifest((m) => Object.assign(m.model, { name: 'senet50-vggface2', revision: 1 })),
        /no weights/,
        'ModelUnavailable',
      ],
      [
        'longer embeddings',
        (all) =>
          manifest((m) => Object.assign(m.model, { dimensions: 1 }))(
            all.map((part) =>
              part.name === 'embeddings.f16' ? { ...part, data: part.data.subarray(0, 6) } : part,
            ),
          ),
        /of 1 values/,
        'ModelMismatch',
      ],
      ['a NaN', embeddings((values) => values.fill(0x7e00, 4, 5)), /embedding 1 has norm NaN/],
      ['an infinity', embeddings((values) => values.fill(0x7c00, 4, 5)), /norm/],
      ['a zero embedding', embeddings((values) => values.fill(0, 0, 3)), /embedding 0 has norm 0/],
      [
        'an embedding of length 2',
        embeddings((values) => values.set(toHalf(new Float32Array([2, 0, 0])), 3)),
        /norm 2/,
      ],
      ['people out of order', lines('identities.jsonl', swap), /not in order/],
      ['faces out of order', lines('faces.jsonl', swap), /not in order/],
      ['a person twice', lines('identities.jsonl', ([a]) => [a, a]), /not in order/],
      ['a face twice', lines('faces.jsonl', ([a, , c]) => [a, a, c]), /not in order/],
      ['a person missing', lines('identities.jsonl', ([, b]) => [b]), /identity is missing/],
      ['a face missing', lines('faces.jsonl', ([a, b]) => [a, b]), /2 faces/],
      [
        'one external id twice',
        change('identities.jsonl', (text) => text.replace('"b"', '"a"')),
        /one external id/,
      ],
      [
        'one face twice',
        lines('faces.jsonl', ([a, b, c]) => [
          a,
          JSON.stringify({ ...JSON.parse(a), id: JSON.parse(b).id }),
          c,
        ]),
        /one place of one image/,
      ],
      [
        'a NUL in a name',
        change('identities.jsonl', (text) => text.replace('Ada', '\\u0000')),
        /line 1 of identities.jsonl: name/,
      ],
      [
        'half a character',
        change('identities.jsonl', (text) => text.replace('Ada', '\\ud800')),
        /name/,
      ],
      [
        'an external id of 601',
        change('identities.jsonl', (text) => text.replace('"a"', `"${'a'.repeat(601)}"`)),
        /externalId/,
      ],
      [
        'a face of three numbers',
        change('faces.jsonl', (text) => text.replace(/"box":\[\d+,/, '"box":[')),
        /box/,
      ],
      [
        'a box beyond integers',
        change('faces.jsonl', (text) => text.replace(/"box":\[\d+/, '"box":[4000000000')),
        /box/,
      ],
      [
        'a date that is none',
        change('faces.jsonl', (text) => text.replace(/"createdAt":"\d+/, '"createdAt":"x')),
        /createdAt/,
      ],
      ['an empty line', lines('faces.jsonl', (all) => ['', ...all]), /no JSON/],
      ['a last line without an end', change('faces.jsonl', (text) => text.trimEnd()), /line break/],
      [
        'a line too long',
        lines('faces.jsonl', (all) => [`${' '.repeat(150_000)}${all[0]}`, ...all.slice(1)]),
        /too long/,
      ],
    ])('%s is refused and leaves nothing', async (_what, edit, reason, code = 'BundleInvalid') => {
      await expect(imported(there, archive(edit(parts)))).rejects.toMatchObject({
        code,
        message: expect.stringMatching(reason),
      });
      await expectNothing();
    });

    it('cut short anywhere is refused and leaves nothing', async () => {
      const whole = archive(parts);
      for (let length = 0; length < whole.length - 1536; length += 509)
        await expect(imported(there, whole.subarray(0, length))).rejects.toMatchObject({
          code: 'BundleInvalid',
        });
      await expectNothing();
    });

    it('with any byte changed is refused, or the byte meant nothing', async () => {
      const whole = archive(parts);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(whole.length - 1),
          fc.integer({ min: 1, max: 255 }),
          async (at, by) => {
            const damaged = Buffer.from(whole);
            damaged[at] ^= by;
            const result = await imported(there, damaged).catch(({ code }) => code);
            if (typeof result !== 'string') {
              expect((await contentOf(there.database, result.gallery.id)).faces).toHaveLength(3);
              await there.database.client.gallery.delete({ where: { id: result.gallery.id } });
              await there.indexes.follow(result.gallery.id);
            } else expect(result).toBe('BundleInvalid');
            await expectNothing();
          },
        ),
        { numRuns: 60, examples: [[3732, 128]] },
      );
    });

    it('that is an upload given up is refused and leaves nothing', async () => {
      const stream = Readable.from(
        (async function* () {
          yield archive(parts).subarray(0, 2000);
          throw new Error('aborted');
        })(),
      );
      await expect(importBundle(service(there), stream, { keyId: 'test' })).rejects.toThrow(
        'cut short',
      );
      await expectNothing();
    });

    async function expectNothing() {
      const db = there.database.client;
      const { id } = JSON.parse(String(parts[0].data)).gallery;
      expect(await db.gallery.count({ where: { OR: [{ id }, { name: 'victim' }] } })).toBe(0);
      const orphans = { where: { galleryId: id } };
      expect(await db.identity.count(orphans)).toBe(0);
      expect(there.indexes.size(id)).toBe(0);
      expect(await spools()).toEqual([]);
    }
  });

  describe('over HTTP', () => {
    let id: string;
    let path: string;
    const get = (key?: string, to = path) =>
      here.fetch(to, { headers: key ? { 'x-api-key': key } : {} });
    beforeAll(async () => {
      id = await galleryOf(service(here), { name: 'Über HTTP' }, [
        { name: 'Ada', externalId: 'a', faces: [unit(1, 2, 3)] },
      ]);
      path = `/galleries/${Buffer.from(`Gallery:${id}`).toString('base64')}/bundle`;
    });

    it('goes out and comes in', async () => {
      const response = await get(here.admin);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/x-tar');
      expect(response.headers.get('content-disposition')).toContain("''%C3%9Cber%20HTTP.tar");
      const body = await response.arrayBuffer();
      const answer = await there.fetch('/galleries', {
        method: 'POST',
        body,
        headers: { 'x-api-key': there.admin },
      });
      expect(answer.status).toBe(201);
      expect(await answer.json()).toEqual({
        id: Buffer.from(`Gallery:${id}`).toString('base64'),
        name: 'Über HTTP',
        identities: 1,
        faces: 1,
        images: 0,
        job: null,
      });
      const again = await there.fetch('/galleries?name=copy&newIds=true', {
        method: 'POST',
        body,
        headers: { 'x-api-key': there.admin },
      });
      expect(await again.json()).toMatchObject({ name: 'copy', faces: 1 });
      const { data } = await there.run('{ gallery(by: { name: "copy" }) { faceCount } }');
      expect(data.gallery.faceCount).toBe(1);
    });

    it('is for keys with the scope and for the galleries they are bound to, and may be given up', async () => {
      const db = here.database.client;
      const bound = (...galleries: string[]) =>
        createKey(db, { label: 'bound', scopes: ['gallery:read', 'gallery:write'], galleries });
      const put = (key: string) =>
        here.fetch('/galleries', { method: 'POST', body: 'x', headers: { 'x-api-key': key } });
      const code = async (response: Response) => [response.status, (await response.json()).code];
      expect(await code(await get())).toEqual([401, 'Unauthenticated']);
      expect(await code(await get('fg_wrong'))).toEqual([401, 'Unauthenticated']);
      expect(await code(await get(await here.key('gallery:write')))).toEqual([403, 'Forbidden']);
      expect(await code(await get(await bound('another')))).toEqual([404, 'GalleryNotFound']);
      const allowed = await get(await bound(id));
      expect(allowed.status).toBe(200);
      expect(await spools()).toHaveLength(1);
      await allowed.body?.cancel();
      await expect.poll(spools).toEqual([]);
      for (const wrong of ['%', 'eA==', Buffer.from(`Face:${id}`).toString('base64')])
        expect(await code(await get(here.admin, `/galleries/${wrong}/bundle`))).toEqual([
          404,
          'GalleryNotFound',
        ]);
      expect(await code(await put('fg_wrong'))).toEqual([401, 'Unauthenticated']);
      expect(await code(await put(await here.key('gallery:read')))).toEqual([403, 'Forbidden']);
      expect(await code(await put(await bound(id)))).toEqual([403, 'Forbidden']);
      expect(await code(await put(here.admin))).toEqual([400, 'BundleInvalid']);
    });

    it('is audited, counted and held to the rate of the key', async () => {
      const limits = { ...here.options.limits, maxCost: 1000, ratePerMinute: 2000 };
      const metrics = createMetrics();
      const yoga = createServer({ ...here.options, limits, metrics });
      const key = await here.key('gallery:read', 'gallery:write');
      const ask = (init: RequestInit = {}, to = path) =>
        yoga.fetch(
          new Request(`http://localhost${to}`, { ...init, headers: { 'x-api-key': key } }),
        );
      const { data } = await here.run('{ apiKeys { edges { node { id scopes } } } }');
      const before = await here.run('{ transfers { totalCount } }');
      await (await ask()).arrayBuffer();
      expect((await ask({ method: 'POST', body: 'x' }, '/galleries')).status).toBe(400);
      const refused = await ask();
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await refused.json()).toMatchObject({ code: 'RateLimited' });
      const text = await metrics.text();
      for (const [field, outcome] of [
        ['exportBundle', 'ok'],
        ['exportBundle', 'RateLimited'],
        ['importBundle', 'BundleInvalid'],
      ])
        expect(text).toContain(
          `facegraph_operations_total{field="${field}",outcome="${outcome}"} 1`,
        );
      const query =
        '{ transfers { totalCount edges { node { direction keyId galleryId identities faces images } } } }';
      const { transfers } = (await here.run(query)).data;
      expect(transfers.totalCount).toBe(before.data.transfers.totalCount + 1);
      expect(transfers.edges[0].node).toEqual({
        direction: 'EXPORT',
        keyId: data.apiKeys.edges.at(-1).node.id,
        galleryId: Buffer.from(`Gallery:${id}`).toString('base64'),
        identities: 1,
        faces: 1,
        images: 0,
      });
      const bound = await createKey(here.database.client, {
        label: 'auditor',
        scopes: ['audit'],
        galleries: ['another'],
      });
      expect((await here.run(query, { key: bound })).data.transfers.totalCount).toBe(0);
    });

    it('streams through a socket, also more than a GraphQL body may have', async () => {
      const yoga = createServer({ ...here.options, metrics: createMetrics() });
      const http = createHttpServer(yoga);
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
      const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
      const headers = { 'x-api-key': here.admin };
      const whole = await (await fetch(origin + path, { headers })).arrayBuffer();
      expect(partsOf(Buffer.from(whole))).toHaveLength(5);

      const parts = partsOf(Buffer.from(whole));
      const counts = { identities: 1, faces: 5_000_000, images: 0 };
      const manifest = { ...JSON.parse(String(parts[0].data)), counts };
      parts[0] = { name: 'manifest.json', data: Buffer.from(JSON.stringify(manifest)) };
      parts[3] = { name: 'embeddings.f16', data: Buffer.alloc(30_000_000) };
      const answer = await fetch(`${origin}/galleries`, {
        method: 'POST',
        body: Readable.toWeb(Readable.from(archive(parts))) as ReadableStream,
        headers,
        duplex: 'half',
      } as RequestInit);
      expect(await answer.json()).toEqual({
        code: 'BundleInvalid',
        message: 'manifest.json is not what its checksum says',
      });

      await expect.poll(spools).toEqual([]);
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    });
  });
});
