import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { toHalf } from '../src/engine/half.ts';
import { importBundle } from '../src/faces/bundle/importBundle.ts';
import { archive, contentOf, galleryOf, type Part, partsOf, summed } from './api/bundles.ts';
import type { Api } from './api/harness.ts';
import {
  exported,
  imported,
  openTwoServers,
  service,
  spools,
  type TwoServers,
} from './api/twoServers.ts';
import { unit } from './support/unit.ts';

describe('gallery bundle that is damaged or hostile', () => {
  let two: TwoServers;
  let here: Api;
  let there: Api;
  let parts: Part[];
  beforeAll(async () => {
    two = await openTwoServers();
    ({ here, there } = two);
    const id = await galleryOf(service(here), { name: 'victim' }, [
      { name: 'Ada', externalId: 'a', faces: [unit(1, 2, 3), unit(1, 2, 2)] },
      { name: 'Bob', externalId: 'b', faces: [unit(3, 2, 3)] },
    ]);
    parts = partsOf(await exported(here, id));
    await vi.waitFor(async () => expect(await spools()).toEqual([]));
  });
  afterAll(() => two?.close());

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
    ['a threshold of 3', manifest((m) => Object.assign(m.gallery, { threshold: 3 })), /threshold/],
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
