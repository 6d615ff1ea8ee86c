import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { classify } from '../src/faces/classify.ts';
import { cosineDistance, isMatch, nearestPair } from '../src/faces/distance.ts';
import { identityOf, listKnown, loadKnown } from '../src/faces/folder/known.ts';
import { expandFolders, photographs } from '../src/faces/folder/photographs.ts';
import { identify } from '../src/faces/identify.ts';
import { verify } from '../src/faces/verify.ts';
import { doubleEngine, squares } from './support/doubleEngine.ts';

const RED = [200, 10, 0] as const;
const GREEN = [0, 200, 10] as const;
const BLUE = [10, 0, 200] as const;
const BLACK = [0, 0, 0] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facegraph-faces-'));
  const put = async (path: string, content: Uint8Array | string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  await put('known/Red_Rose/1.png', png(squares(RED, [190, 30, 0])));
  await put('known/Red_Rose/2.png', png(squares([180, 40, 0])));
  await put('known/Green Leaf (1).png', png(squares(GREEN)));
  await put('known/Green Leaf (10).PNG', png(squares([20, 180, 30])));
  await put('known/Nobody.png', png(squares(BLACK)));
  await put('known/Broken (2).jpg', 'this is not a photograph');
  await put('known/.hidden.png', png(squares(BLUE)));
  await put('known/notes.txt', 'not an image');
  await put('empty/notes.txt', 'not an image');
  await put('faceless/Nobody/1.png', png(squares(BLACK)));
});
afterAll(async () => {
  await closeDecoder();
  await rm(folder, { recursive: true });
});

describe('cosine distance', () => {
  it('is 0, 1 and 2 for equal, orthogonal and opposite directions', () => {
    const x = Float32Array.of(1, 0);
    expect(cosineDistance(x, x)).toBe(0);
    expect(cosineDistance(x, Float32Array.of(0, 1))).toBe(1);
    expect(cosineDistance(x, Float32Array.of(-1, 0))).toBe(2);
  });

  it('refuses embeddings of different models', () => {
    expect(() => cosineDistance(new Float32Array(512), new Float32Array(2048))).toThrow(
      /512.*2048/,
    );
  });

  it('matches at the threshold itself', () => {
    expect([isMatch(0.5, 0.5), isMatch(0.5001, 0.5)]).toEqual([true, false]);
  });
});

describe('nearest pair', () => {
  const at = (angle: number) => Float32Array.of(Math.cos(angle), Math.sin(angle));

  it('is the first of the nearest, by its places', async () => {
    const found = await nearestPair([at(0), at(1), at(2)], [at(3), at(2.1), at(1.8), at(2.1)]);
    expect([found.a, found.b]).toEqual([2, 1]);
    expect(found.distance).toBeCloseTo(1 - Math.cos(0.1), 6);
  });

  it('lets others get their turn while many are compared', async () => {
    let turns = 0;
    const count = () => {
      turns++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const [as, bs] = [300, 100].map((n) => Array.from({ length: n }, (_, i) => at(i)));
    await nearestPair(as, bs);
    clearImmediate(next);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

describe('verify', () => {
  it('compares all pairs, nearest first, with the model’s own threshold', async () => {
    const engine = doubleEngine();
    const embedder = await engine.embedder('double');
    const a = squares(RED, BLUE);
    const result = await verify(engine, embedder, a, squares(GREEN, BLUE, RED));
    expect(result.threshold).toBe(embedder.threshold);
    expect(result.pairs).toHaveLength(6);
    expect(
      result.pairs
        .filter(({ match }) => match)
        .map((p) => [p.a.box[0], p.b.box[0]])
        .sort(),
    ).toEqual([
      [0, 16],
      [8, 8],
    ]);
    const distances = result.pairs.map(({ distance }) => distance);
    expect(distances).toEqual(distances.toSorted((p, q) => p - q));
  });

  it('takes the threshold of the call', async () => {
    const engine = doubleEngine();
    const embedder = await engine.embedder('double');
    const pairs = async (threshold: number) =>
      (await verify(engine, embedder, squares(RED), squares(GREEN), { threshold })).pairs;
    expect([(await pairs(1.5))[0].match, (await pairs(0.01))[0].match]).toEqual([true, false]);
  });

  it('says which image has no face', async () => {
    const engine = doubleEngine();
    const embedder = await engine.embedder('double');
    await expect(verify(engine, embedder, squares(RED), squares(BLACK))).rejects.toMatchObject({
      code: 'NoFaceFound',
      details: { image: 'b' },
    });
  });
});

describe('classify', () => {
  it('gives names for every face and none for a picture without faces', async () => {
    const engine = doubleEngine();
    const embedder = await engine.embedder('double');
    const named = await classify(engine, embedder, squares(RED, BLUE), { top: 1 });
    expect(named.map(({ face, names }) => [face.box[0], names.length])).toEqual([
      [0, 1],
      [8, 1],
    ]);
    expect(await classify(engine, embedder, squares(BLACK))).toEqual([]);
  });
});

describe('known folders', () => {
  it('takes the identity from the folder or from the file name', () => {
    const of = (path: string): string => identityOf('/known', join('/known', path));
    expect(of('Joe_Biden (2).jpg')).toBe('Joe_Biden');
    expect(of('EltonJohn(12).jpeg')).toBe('EltonJohn');
    expect(of('Michael B. Jordan.png')).toBe('Michael B. Jordan');
    expect(of('Ann Lee/IMG (3).jpg')).toBe('Ann Lee');
    expect(of('Ann Lee/2020/a.jpg')).toBe('Ann Lee');
    expect(of('(1).jpg')).toBe('(1)');
    expect(of('Jose\u0301 (1).jpg')).toBe('Jos\u00e9');
  });

  it('knows every face of every image and lists the files that gave none', async () => {
    const engine = doubleEngine();
    const known = await loadKnown(
      engine,
      await engine.embedder('double'),
      await listKnown(join(folder, 'known')),
    );
    const counts: Record<string, number> = {};
    for (const { identity } of known.faces.values()) counts[identity] = (counts[identity] ?? 0) + 1;
    expect(counts).toEqual({ Red_Rose: 3, 'Green Leaf': 2 });
    expect(known.index.size).toBe(5);
    expect(known.problems.map(({ path, error }) => [path, error])).toEqual([
      [join(folder, 'known/Broken (2).jpg'), expect.objectContaining({ code: 'UnsupportedImage' })],
      [join(folder, 'known/Nobody.png'), expect.objectContaining({ code: 'NoFaceFound' })],
    ]);
  });

  it.each([
    ['missing', /no such folder/],
    ['empty', /no images/],
    ['faceless', /no known face.*1\.png: no face found/],
    ['known/Nobody.png', /not a folder/],
  ])('refuses %s and keeps no index', async (name, reason) => {
    const engine = doubleEngine();
    const embedder = await engine.embedder('double');
    const load = async () => loadKnown(engine, embedder, await listKnown(join(folder, name)));
    await expect(load()).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching(reason),
    });
    expect(engine.openIndexes).toBe(0);
  });
});

describe('identify', () => {
  it('names the nearest identity by its best face, each once, and says unknown', async () => {
    const engine = doubleEngine();
    const embedder = await engine.embedder('double');
    const known = await loadKnown(engine, embedder, await listKnown(join(folder, 'known')));
    const probe = squares(RED, BLUE);
    const embeddings = await embedder.embed(probe, await engine.detect(probe));
    const options = { top: 5, threshold: 0.1 };
    const [red, blue] = await identify(known.index, known.faces, embeddings, options);
    expect(red.match).toBe('Red_Rose');
    expect(red.candidates.map(({ identity }) => identity)).toEqual(['Red_Rose', 'Green Leaf']);
    expect(red.candidates[0].distance).toBeCloseTo(0, 6);
    expect(red.candidates[0].face.face.box[0]).toBe(0);
    expect(blue.match).toBeNull();
    expect(blue.candidates).toHaveLength(2);
  });

  it('finds the second identity behind a hundred faces of the first', async () => {
    const engine = doubleEngine();
    const embedder = await engine.embedder('double');
    const index = engine.index(3);
    const known = new Map<string, { identity: string }>();
    const add = async (id: string, identity: string, colour: readonly [number, number, number]) => {
      const image = squares(colour);
      const [embedding] = await embedder.embed(image, await engine.detect(image));
      index.add(id, embedding);
      known.set(id, { identity });
    };
    for (let i = 0; i < 100; i++) await add(`red${i}`, 'Red', [200, i % 20, 0]);
    await add('green', 'Green', GREEN);
    const [answer] = await identify(index, known, [Float32Array.of(1, 0, 0)], {
      top: 2,
      threshold: 0.5,
    });
    expect(answer.candidates.map(({ identity }) => identity)).toEqual(['Red', 'Green']);
  });

  it('answers unknown from an empty index', async () => {
    const index = doubleEngine().index(3);
    const probes = [Float32Array.of(1, 0, 0)];
    expect(await identify(index, new Map(), probes, { top: 3, threshold: 2 })).toEqual([
      { candidates: [], match: null },
    ]);
  });
});

describe('photographs', () => {
  it('replaces folders by their images and goes on after a bad file', async () => {
    const missing = join(folder, 'missing.jpg');
    const paths = await expandFolders([missing, join(folder, 'known'), join(folder, 'empty')]);
    const read: Record<string, string> = {};
    for await (const photograph of photographs(paths))
      read[photograph.path.slice(folder.length + 1)] =
        'error' in photograph ? photograph.error.message : `${photograph.image.width} wide`;
    expect(Object.keys(read)).toHaveLength(8);
    expect(read['missing.jpg']).toBe('no such file');
    expect(read.empty).toMatch(/folder without/);
    expect(read['known/Red_Rose/1.png']).toBe('16 wide');
  });
});

function png({ width, height, data }: Image): Buffer {
  return PNG.sync.write(Object.assign(new PNG({ width, height }), { data: rgba(data) }));
}

function rgba(rgb: Uint8Array): Buffer {
  const bytes = Buffer.alloc((rgb.length / 3) * 4, 255);
  for (let i = 0; i < rgb.length; i++) bytes[Math.floor(i / 3) * 4 + (i % 3)] = rgb[i];
  return bytes;
}
