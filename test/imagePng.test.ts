import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { chunk, pngFixture } from './support/pngFixture.ts';

type Rgb = readonly number[];

afterAll(closeDecoder);

describe('PNG', () => {
  const palette = chunk('PLTE', Uint8Array.of(255, 0, 0, 0, 255, 0, 10, 20, 30, 0, 0, 255));
  const kinds: [string, Parameters<typeof pngFixture>[0], (x: number, y: number) => Rgb][] = [
    ...[1, 2, 4].map((depth): (typeof kinds)[number] => {
      const top = 2 ** depth - 1;
      const sample = (x: number, y: number) => [(x + y) % (top + 1)];
      return [
        `grey ${depth}`,
        { width: 11, height: 9, type: 0, depth, sample },
        (x, y) => Array(3).fill(Math.round((sample(x, y)[0] * 255) / top)),
      ];
    }),
    [
      'grey 8',
      { width: 11, height: 9, type: 0, depth: 8, sample: (x, y) => [x * 20 + y] },
      (x, y) => Array(3).fill(x * 20 + y),
    ],
    [
      'grey 16',
      { width: 11, height: 9, type: 0, depth: 16, sample: (x, y) => [x * 5000 + y * 77] },
      (x, y) => Array(3).fill(Math.round((x * 5000 + y * 77) / 257)),
    ],
    [
      'RGB 8',
      { width: 11, height: 9, type: 2, depth: 8, sample: (x, y) => [x, y, x * y] },
      (x, y) => [x, y, x * y],
    ],
    [
      'RGB 16',
      { width: 11, height: 9, type: 2, depth: 16, sample: (x, y) => [x * 6000, y * 7000, 65535] },
      (x, y) => [Math.round((x * 6000) / 257), Math.round((y * 7000) / 257), 255],
    ],
    [
      'palette 2',
      { width: 11, height: 9, type: 3, depth: 2, before: [palette], sample: (x) => [x % 4] },
      (x) =>
        [
          [255, 0, 0],
          [0, 255, 0],
          [10, 20, 30],
          [0, 0, 255],
        ][x % 4],
    ],
    [
      'palette 8 with transparency, over white',
      {
        width: 11,
        height: 9,
        type: 3,
        depth: 8,
        before: [palette, chunk('tRNS', Uint8Array.of(0, 255, 51))],
        sample: (x) => [x % 4],
      },
      (x) =>
        [
          [255, 255, 255],
          [0, 255, 0],
          [206, 208, 210],
          [0, 0, 255],
        ][x % 4],
    ],
    [
      'grey and alpha 8, over white',
      { width: 11, height: 9, type: 4, depth: 8, sample: (x) => [100, x * 25] },
      (x) => Array(3).fill(Math.round((100 * x * 25 + 255 * (255 - x * 25)) / 255)),
    ],
    [
      'RGBA 8, over white',
      { width: 11, height: 9, type: 6, depth: 8, sample: (x) => [200, 0, 50, x * 25] },
      (x) => [200, 0, 50].map((v) => Math.round((v * x * 25 + 255 * (255 - x * 25)) / 255)),
    ],
    [
      'RGBA 16, over white',
      { width: 11, height: 9, type: 6, depth: 16, sample: () => [0, 65535, 257 * 9, 257 * 51] },
      () => [204, 255, 206],
    ],
    [
      'RGB 8 with a transparent colour',
      {
        width: 11,
        height: 9,
        type: 2,
        depth: 8,
        before: [chunk('tRNS', Uint8Array.of(0, 5, 0, 5, 0, 5))],
        sample: (x) => [x, x, x],
      },
      (x) => (x === 5 ? [255, 255, 255] : [x, x, x]),
    ],
  ];

  describe.each([false, true])('interlaced: %s', (interlaced) => {
    it.each(kinds)('%s', async (_, fixture, expected) => {
      const image = await decodeImage(pngFixture({ ...fixture, interlaced }));
      const { width, height } = fixture;
      expect([image.width, image.height]).toEqual([width, height]);
      const wanted = Array.from({ length: width * height }, (_, i) =>
        expected(i % width, Math.floor(i / width)),
      );
      expect([...image.data]).toEqual(wanted.flat());
    });

    it('one pixel', async () => {
      const file = pngFixture({
        width: 1,
        height: 1,
        type: 2,
        depth: 8,
        interlaced,
        sample: () => [1, 2, 3],
      });
      expect([...(await decodeImage(file)).data]).toEqual([1, 2, 3]);
    });
  });

  it('ignores what follows the end chunk', async () => {
    const file = pngFixture({ width: 1, height: 1, type: 0, depth: 8, sample: () => [7] });
    const image = await decodeImage(Buffer.concat([file, Buffer.from('trailing')]));
    expect([...image.data]).toEqual([7, 7, 7]);
  });
});
