import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_QUEUE } from '../src/engine/fairQueue.ts';
import { decodeImage, setUpDecoder } from '../src/engine/image/decode.ts';
import { readFileBytes } from '../src/faces/folder/photographs.ts';
import { type ArchiveLimits, archiveFiles } from '../src/faces/jobs/archive.ts';
import { type BulkSource, bulkPhotographs, readImport } from '../src/faces/jobs/photographs.ts';
import { temporaryDirectory } from './api/harness.ts';
import { randomArray } from './support/random.ts';
import { zip } from './support/zipFixture.ts';

const bytes = (length: number) => Uint8Array.from(randomArray(length, length), (v) => v * 255);

async function read(archive: Uint8Array, limits?: ArchiveLimits) {
  const files: { path: string; content: Uint8Array | string }[] = [];
  for await (const { path, content } of archiveFiles(archive, () => true, limits))
    files.push({
      path,
      content: content instanceof Uint8Array ? new Uint8Array(content) : content.code,
    });
  return files;
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.remove());

async function tar(files: Record<string, Uint8Array>, gzip = false): Promise<Uint8Array> {
  const cwd = join(directory.path, 'tar');
  for (const [path, data] of Object.entries(files)) {
    await mkdir(dirname(join(cwd, path)), { recursive: true });
    await writeFile(join(cwd, path), data);
  }
  const file = join(directory.path, 'archive');
  await create({ file, cwd, gzip, portable: true }, Object.keys(files));
  return readFile(file);
}

describe('archives', () => {
  const files = {
    'Ada/1.jpg': bytes(200_000),
    'Ada/2.jpg': bytes(3),
    'Ömer/x.jpg': bytes(0),
    [`${'long/'.repeat(30)}name.jpg`]: bytes(70_000),
  };
  const entries = Object.entries(files).map(([path, data]) => ({ path, data }));
  const expected = entries.map(({ path, data: content }) => ({ path, content }));

  it('are read whole, of each kind', async () => {
    expect(await read(zip(entries))).toEqual(expected);
    expect(await read(await tar(files))).toEqual(expected);
    expect(await read(await tar(files, true))).toEqual(expected);
  });

  it('hold each file to the size of a photograph before it is unpacked', async () => {
    const large = new Uint8Array(10_000_001);
    const expected = [
      { path: 'Ada/large.jpg', content: 'ImageTooLarge' },
      { path: 'Ada/small.jpg', content: bytes(9) },
    ];
    const two = { 'Ada/large.jpg': large, 'Ada/small.jpg': bytes(9) };
    const list = Object.entries(two).map(([path, data]) => ({ path, data }));
    expect(await read(zip(list))).toEqual(expected);
    expect(await read(await tar(two, true))).toEqual(expected);
  });

  it('hold each file to the size that the server is set to', async () => {
    const images = { maxBytes: 1_000, maxPixels: 1e6 };
    setUpDecoder({ images, limits: DEFAULT_QUEUE });
    try {
      const files = { 'Ada/large.jpg': bytes(1_001), 'Ada/small.jpg': bytes(1_000) };
      const list = Object.entries(files).map(([path, data]) => ({ path, data }));
      const expected = ['ImageTooLarge', files['Ada/small.jpg']];
      expect((await read(zip(list))).map(({ content }) => content)).toEqual(expected);
      const large = join(directory.path, 'tar', 'Ada', 'large.jpg');
      await tar(files);
      await expect(readFileBytes(large)).rejects.toMatchObject({ code: 'ImageTooLarge' });
      await expect(decodeImage(files['Ada/large.jpg'])).rejects.toMatchObject({
        code: 'ImageTooLarge',
      });
    } finally {
      setUpDecoder({ limits: DEFAULT_QUEUE });
    }
  });

  it('refuse an encrypted file of a zip by itself', async () => {
    const [first, ...rest] = entries;
    const found = await read(zip([{ ...first, encrypted: true }, ...rest]));
    expect(found.map(({ content }) => typeof content === 'string')).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  const tiny = { entries: 3, bytes: 100_000 };
  const zeros = { path: 'Ada/0.jpg', data: new Uint8Array(9_000_000) };
  const cut = (archive: Uint8Array) => archive.slice(0, archive.length * 0.6);
  it.each([
    ['no archive', async () => bytes(1000), 'no zip'],
    ['nothing', async () => new Uint8Array(), 'no zip'],
    ['a gzip of no tar', async () => gzipSync(bytes(1000)), 'no zip'],
    ['a tar that is packed twice', async () => gzipSync(await tar(files, true)), 'no zip'],
    ['a zip cut short', async () => cut(zip(entries)), 'broken'],
    ['a tar.gz cut short', async () => cut(await tar(files, true)), 'broken'],
    ['a zip that says too little', async () => zip([{ ...entries[0], size: 10 }]), 'broken'],
    [
      'a zip of files outside',
      async () => zip([{ path: '../../x.jpg', data: bytes(3) }]),
      'broken',
    ],
    [
      'a tar of files outside',
      async () => outside(await tar({ 'a/b/x.jpg': bytes(3) })),
      'outside of itself',
    ],
  ])('%s is refused in a sentence', async (_what, make, message) => {
    await expect(read(await make())).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['a zip of too many entries', async () => zip(entries), 'more than 3 entries'],
    ['a tar of too many entries', async () => tar(files), 'more than 3 entries'],
    ['a zip that swells', async () => zip([zeros]), 'larger than 0.1 MB'],
    ['a tar.gz that swells', async () => tar({ 'Ada/0.jpg': zeros.data }, true), 'larger than'],
  ])('%s is refused', async (_what, make, message) => {
    const limits = message.includes('entries') ? { ...tiny, bytes: 1e9 } : tiny;
    await expect(read(await make(), limits)).rejects.toThrow(message);
  });
});

describe('photographs of a bulk enrolment', () => {
  const list = async (source: BulkSource, importDirectory?: string) => {
    const found: string[] = [];
    for await (const { file, person, content } of bulkPhotographs(source, importDirectory))
      found.push(`${file}: ${person.name}${'path' in content ? ` at ${content.path}` : ''}`);
    return found;
  };

  it('of an archive belong to the folder they lie in', async () => {
    const paths = ['people/Ada/1.jpg', 'Bob/2.PNG', 'Cy (2).jpeg', 'Bob/.3.jpg', 'read.me'];
    const archive = zip([...paths, '__MACOSX/Bob/2.PNG'].map((path) => ({ path, data: bytes(3) })));
    expect(await list({ archive })).toEqual([
      'people/Ada/1.jpg: Ada',
      'Bob/2.PNG: Bob',
      'Cy (2).jpeg: Cy',
    ]);
  });

  it('of a directory are listed and read below the allowed one only', async () => {
    const root = join(directory.path, 'import');
    await mkdir(join(root, 'crew/Ada'), { recursive: true });
    await writeFile(join(root, 'crew/Ada/1.jpg'), 'ada');
    await writeFile(join(root, 'crew/Bob (1).jpg'), 'bob');
    await writeFile(join(directory.path, 'secret.jpg'), 'secret');
    await symlink(join(directory.path, 'secret.jpg'), join(root, 'crew/link.jpg'));
    expect(await list({ directory: 'crew' }, root)).toEqual([
      'Ada/1.jpg: Ada at crew/Ada/1.jpg',
      'Bob (1).jpg: Bob at crew/Bob (1).jpg',
      'link.jpg: link at crew/link.jpg',
    ]);
    expect(Buffer.from(await readImport('crew/Ada/1.jpg', root)).toString()).toBe('ada');
    for (const path of ['crew/link.jpg', '../secret.jpg', '/etc/passwd', 'crew/none.jpg'])
      await expect(readImport(path, root)).rejects.toThrow('no such path');
    for (const outside of ['..', '../..', 'none'])
      await expect(list({ directory: outside }, root)).rejects.toThrow('no such path');
    await expect(list({ directory: 'crew' })).rejects.toThrow('reads no directories');
  });
});

// Writes another name into the header, and its sum.
function outside(archive: Uint8Array): Uint8Array {
  const bytes = Buffer.from(archive);
  bytes.write('../b/x.jpg\0', 0, 'latin1');
  bytes.write('        ', 148, 'latin1');
  const sum = bytes.subarray(0, 512).reduce((a, b) => a + b, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}
