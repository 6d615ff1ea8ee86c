import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { readHeader } from '../src/engine/image/header.ts';

const ROOT = resolve(import.meta.dirname, '..');
const DATA = resolve(ROOT, '../shared/data');
const SAMPLES = join(ROOT, 'node_modules/@vladmandic/face-api/demo');

afterAll(closeDecoder);

describe('photographs of the npm package @vladmandic/face-api', () => {
  it('all decode', async () => {
    const files = photographs(SAMPLES);
    expect(files.length).toBe(6);
    expect(await decodeAll(files)).toEqual([]);
  });
});

describe.skipIf(!existsSync(DATA))(
  'photographs of ../shared/data (skipped where it is absent)',
  () => {
    it('all decode, in their own size and not flat', async () => {
      const files = photographs(DATA);
      expect(files.length).toBeGreaterThan(1000);
      expect(await decodeAll(files)).toEqual([]);
    }, 600_000);
  },
);

function photographs(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.jpe?g$/i.test(path))
    .map((path) => join(folder, path));
}

async function decodeAll(files: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  let next = 0;
  const take = async () => {
    while (next < files.length) {
      const file = files[next++];
      const fault = await check(readFileSync(file)).catch((error: Error) => error.message);
      if (fault) faults.push(`${file}: ${fault}`);
    }
  };
  await Promise.all([take(), take()]);
  return faults;
}

async function check(bytes: Uint8Array): Promise<string | undefined> {
  const header = readHeader(bytes);
  const { width, height, data } = await decodeImage(bytes);
  const sides = (a: { width: number; height: number }) => [a.width, a.height].sort().join();
  if (sides(header) !== sides({ width, height })) return `${width}x${height}`;
  if (data.length !== width * height * 3) return `${data.length} bytes`;
  // A decoder that lost the data leaves its lower rows in one grey.
  const last = data.subarray(-width * 3);
  return last.every((v) => v === 128) ? 'the last row is grey' : undefined;
}
