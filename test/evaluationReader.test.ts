import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodePng } from '../src/engine/image/encode.ts';
import { FacegraphError } from '../src/errors.ts';
import { sourceOfFile } from '../src/faces/evaluation/detections.ts';
import { fingerprints } from '../src/faces/evaluation/fingerprint.ts';
import { centralFace, largestFace } from '../src/faces/evaluation/mainFace.ts';
import { createReader, type Embedded } from '../src/faces/evaluation/reader.ts';
import { readFiles } from '../src/faces/evaluation/readFiles.ts';
import { openStore } from '../src/faces/evaluation/store.ts';
import { doubleEngine, squares } from './support/doubleEngine.ts';

let folder: string;
let cache: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'facegraph-evaluation-'));
  writeFileSync(join(folder, 'two.png'), encodePng(squares([250, 0, 0], [0, 200, 50])));
  writeFileSync(join(folder, 'none.png'), encodePng(squares([0, 0, 0])));
  writeFileSync(join(folder, 'broken.png'), 'no photograph');
});
beforeEach(() => {
  cache = mkdtempSync(join(folder, 'cache-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A reader over the double, and how often each part of it was asked. */
function counted(embedding = 'ee') {
  const engine = doubleEngine();
  const calls = { detect: 0, embed: 0 };
  const reader = createReader(
    {
      ...engine,
      detect(...args) {
        calls.detect++;
        return engine.detect(...args);
      },
      embedder: async (model) => {
        const embedder = await engine.embedder(model);
        return {
          ...embedder,
          embed(...args) {
            calls.embed++;
            return embedder.embed(...args);
          },
        };
      },
    },
    {
      model: 'double',
      detect: {},
      store: openStore(cache),
      fingerprints: { detection: 'dd', embedding },
    },
  );
  return { reader, calls };
}

const two = () => sourceOfFile(join(folder, 'two.png'));

describe('the reader of an evaluation', () => {
  it('computes once what the engine answers, and finds the very same on disk', async () => {
    const first = counted();
    const fresh = await first.reader.embed(await two());
    expect(fresh.computed).toBe(true);
    expect(fresh.faces.map(({ face }) => face.box)).toEqual([
      [0, 0, 8, 8],
      [8, 0, 8, 8],
    ]);
    const second = counted();
    expect(await second.reader.embed(await two())).toEqual({ ...fresh, computed: false });
    expect([first.calls, second.calls]).toEqual([
      { detect: 1, embed: 1 },
      { detect: 0, embed: 0 },
    ]);
  });

  it('detects no picture anew for another model', async () => {
    await counted().reader.embed(await two());
    const other = counted('ff');
    expect((await other.reader.embed(await two())).computed).toBe(false);
    expect(other.calls).toEqual({ detect: 0, embed: 1 });
  });

  it('computes again what is damaged on disk', async () => {
    const fresh = await counted().reader.embed(await two());
    for (const file of files(cache)) writeFileSync(file, '{"width":');
    const again = counted();
    expect(await again.reader.embed(await two())).toEqual(fresh);
    expect(again.calls).toEqual({ detect: 1, embed: 1 });
  });

  it('leaves whole files only, for their owner alone', async () => {
    await counted().reader.embed(await two());
    expect(files(cache)).toHaveLength(2);
    for (const file of files(cache)) expect(statSync(file).mode & 0o077).toBe(0);
  });

  it('answers pictures without a face and files of no use in their order', async () => {
    const { reader, calls } = counted();
    const paths = ['broken.png', 'two.png', 'none.png', 'absent.png'].map((f) => join(folder, f));
    const seen: string[] = [];
    const answers = [];
    for await (const answer of readFiles(paths, reader.embed, (...at) => seen.push(at.join(' '))))
      answers.push('error' in answer ? answer.error.code : answer.faces.length);
    expect(answers).toEqual(['UnsupportedImage', 2, 0, 'InvalidInput']);
    expect(seen[1]).toBe(`1 4 ${paths[1]}`);
    expect(calls).toEqual({ detect: 2, embed: 1 });
  });

  it('ends when the engine fails, which is no fault of a file', async () => {
    const lost = new FacegraphError('DeviceLost', 'gone');
    const all = readFiles([join(folder, 'two.png'), join(folder, 'none.png')], async () => {
      throw lost;
    });
    await expect(all.next()).rejects.toBe(lost);
  });
});

describe('fingerprints', () => {
  it('tell models and parameters apart', () => {
    const plain = fingerprints('facenet-vggface2', {});
    expect(fingerprints('facenet-vggface2', {})).toEqual(plain);
    const other = fingerprints('senet50-vggface2', {});
    expect(other.detection).toBe(plain.detection);
    expect(other.embedding).not.toBe(plain.embedding);
    const small = fingerprints('facenet-vggface2', { minFaceSize: 40 });
    expect(small.detection).not.toBe(plain.detection);
    expect(small.embedding).not.toBe(plain.embedding);
  });
});

describe('the main face', () => {
  const landmark = [0, 0] as const;
  const picture = (...boxes: [number, number, number, number][]): Embedded => ({
    width: 100,
    height: 100,
    computed: false,
    faces: boxes.map((box) => ({
      face: {
        box,
        confidence: 1,
        landmarks: {
          leftEye: landmark,
          rightEye: landmark,
          nose: landmark,
          mouthLeft: landmark,
          mouthRight: landmark,
        },
      },
      embedding: Float32Array.of(1),
    })),
  });

  it('is the central one for LFW, the largest one elsewhere', () => {
    // Areas 900 and 400; the corner face's centre is 35, 35 off the middle: 900 − 2·2450 < 400.
    const found = picture([0, 0, 30, 30], [40, 40, 20, 20]);
    expect(centralFace(found)?.face.box).toEqual([40, 40, 20, 20]);
    expect(largestFace(found)?.face.box).toEqual([0, 0, 30, 30]);
    expect(centralFace(picture())).toBeUndefined();
    expect(largestFace(picture())).toBeUndefined();
  });
});

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
}
