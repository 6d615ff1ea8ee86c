import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cropMap } from '../src/engine/align.ts';
import type { Face } from '../src/engine/face.ts';
import { createImageBuffer, type ImageBuffer } from '../src/engine/imageBuffer.ts';
import { closeScope, encode, type Scope, storage } from '../src/gpu/plan.ts';
import { submitAndRead } from '../src/gpu/readback.ts';
import { CANDIDATE_WORDS, candidates, readCandidates } from '../src/kernels/candidates.ts';
import { type RgbImage, resizeReference, warpReference } from '../src/kernels/imageReference.ts';
import { resize } from '../src/kernels/resize.ts';
import { MAP_FLOATS, warp } from '../src/kernels/warp.ts';
import { blank, run, tensor, testScope } from './support/gpu.ts';
import { randomArray, uniform } from './support/random.ts';
import { expectClose } from './support/tolerance.ts';

let scope: Scope;
let images: ImageBuffer;
beforeEach(async () => {
  scope = await testScope();
  images = createImageBuffer(scope.gpu);
});
afterEach(() => {
  images.destroy();
  closeScope(scope);
});

function noise(width: number, height: number): RgbImage {
  const next = uniform(width * height);
  return {
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, () => Math.floor((next() + 1) * 128)),
  };
}

function words(values: Int32Array | Float32Array): GPUBufferBinding {
  const buffer = storage(scope, values.byteLength, 'words');
  scope.gpu.device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
  return { buffer };
}

const raw = { mean: [0, 0, 0], scale: 1 } as const;
type Box = [number, number, number, number];

describe('resize equals OpenCV INTER_AREA as the reference states it', () => {
  it.each<[string, Box, number, number]>([
    ['shrinks, both axes', [0, 0, 37, 29], 18, 23],
    ['shrinks by whole factors', [1, 2, 24, 16], 8, 12],
    ['grows', [3, 2, 15, 15], 24, 24],
    ['grows on one axis only', [0, 0, 37, 10], 12, 20],
    ['same size', [5, 5, 24, 24], 24, 24],
    ['overhangs every edge', [-4, -3, 50, 40], 24, 24],
    ['wholly outside', [100, 100, 12, 12], 4, 4],
  ])('%s', async (_name, box, oh, ow) => {
    const image = noise(37, 29);
    const y = blank(scope, [1, oh, ow, 3]);
    const boxes = words(Int32Array.from(box));
    const rows = { first: 0, full: oh };
    const args = { label: 'test', image: images.load(image), boxes, y, rows, normalise: raw };
    const expected = resizeReference(image, box, oh, ow);
    const [exact] = await run(scope, [await resize(scope, { ...args, round: false })], [y]);
    expectClose(exact, expected);
    const [whole] = await run(scope, [await resize(scope, { ...args, round: true })], [y]);
    for (const [i, v] of whole.entries()) {
      expect(Number.isInteger(v)).toBe(true);
      expect(Math.abs(v - expected[i])).toBeLessThan(0.501);
    }
  });

  it('makes a picture in bands equal to the whole, normalised, for several boxes', async () => {
    const image = noise(61, 47);
    const boxes: Box[] = [
      [0, 0, 61, 47],
      [10, 5, 30, 33],
    ];
    const rows = { first: 6, full: 20 };
    const y = blank(scope, [2, 9, 25, 3]);
    const made = await resize(scope, {
      label: 'test',
      image: images.load(image),
      boxes: words(Int32Array.from(boxes.flat())),
      y,
      rows,
      round: false,
      normalise: { mean: [1, 2, 3], scale: 0.5 },
    });
    const expected = boxes.flatMap((box) => [
      ...resizeReference(image, box, 20, 25)
        .subarray(6 * 25 * 3, 15 * 25 * 3)
        .map((v, i) => (v - 1 - (i % 3)) * 0.5),
    ]);
    expectClose((await run(scope, [made], [y]))[0], Float32Array.from(expected));
  });
});

describe('warp', () => {
  const face: Face = {
    box: [12, 8, 20, 26],
    confidence: 1,
    landmarks: {
      leftEye: [17, 16],
      rightEye: [27, 20],
      nose: [22, 22],
      mouthLeft: [18, 28],
      mouthRight: [26, 29],
    },
  };

  it.each([
    ['upright, stretched', { margin: 0.1, square: false, align: false }, 'RGB', 16],
    ['square, beyond the edge', { margin: 0.6, square: true, align: false }, 'BGR', 12],
    ['turned, growing', { margin: 0.1, square: true, align: true }, 'RGB', 40],
  ] as const)('equals its scalar reference: %s', async (_name, crop, order, size) => {
    const image = noise(50, 41);
    const map = cropMap(face, crop, size, size);
    expect(map.length).toBe(MAP_FLOATS);
    const y = blank(scope, [1, size, size, 3]);
    const made = await warp(scope, {
      label: 'test',
      image: images.load(image),
      maps: words(map),
      y,
      order,
      normalise: raw,
    });
    const expected = warpReference(image, map, size, size, order);
    expectClose((await run(scope, [made], [y]))[0], expected, 1e-4);
  });

  it('cropMap centres the box, adds the margin to each side and levels the eyes', () => {
    const upright = cropMap(face, { margin: 0.5, square: false, align: false }, 10, 10);
    const [ox, oy, ux, uy, vx, vy] = upright;
    expect([ox, oy]).toEqual([12 - 13, 8 - 13]);
    expect([ux * 10, uy, vx, vy * 10].map((v) => Math.round(v * 1e4) / 1e4 + 0)).toEqual([
      46, 0, 0, 52,
    ]);
    const turned = cropMap(face, { margin: 0, square: true, align: true }, 10, 10);
    expect(turned[3] / turned[2]).toBeCloseTo(4 / 10); // slope of the line through the eyes
    const centre = [
      turned[0] + 5 * (turned[2] + turned[4]),
      turned[1] + 5 * (turned[3] + turned[5]),
    ];
    expect(centre[0]).toBeCloseTo(22, 4);
    expect(centre[1]).toBeCloseTo(21, 4);
  });
});

describe('candidates', () => {
  it('finds every cell at or above the threshold, with its place and offsets', async () => {
    const shape = [1, 5, 7, 6] as const;
    const head = { shape, data: randomArray(3, 210).map((v) => v * 3) };
    const count = storage(scope, 4, 'count');
    const found = storage(scope, 35 * CANDIDATE_WORDS * 4, 'found');
    const made = await candidates(scope, {
      label: 'test',
      head: tensor(scope, head),
      level: 3,
      first: 40,
      threshold: 0.6,
      count,
      found,
    });
    const [n, bytes] = await submitAndRead(
      scope.gpu,
      (encoder) => {
        encoder.clearBuffer(count);
        encode(encoder, [made]);
      },
      [
        { buffer: count, offset: 0, size: 4 },
        { buffer: found, offset: 0, size: found.size },
      ],
    );
    const expected = Array.from({ length: 35 }, (_, i) => {
      const v = head.data.subarray(i * 6, i * 6 + 6);
      const score = 1 / (1 + Math.exp(v[0] - v[1]));
      return { level: 3, row: 40 + Math.floor(i / 7), col: i % 7, score, offsets: [...v.slice(2)] };
    }).filter((c) => c.score >= 0.6);
    const actual = readCandidates(bytes, new Uint32Array(n)[0]);
    expect(actual.map(({ score, ...rest }) => rest)).toEqual(
      expected.map(({ score, ...rest }) => rest),
    );
    actual.forEach((c, i) => {
      expect(c.score).toBeCloseTo(expected[i].score, 5);
    });
  });
});
