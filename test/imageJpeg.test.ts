import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { adobe, flat, jpegFixture, luma, segment } from './support/jpegFixture.ts';
import { expectGreyBlocks, expectNear, GREYS, pixel } from './support/pixels.ts';

type Rgb = readonly number[];

const JFIF = segment(0xe0, [...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0]);

afterAll(closeDecoder);

describe('JPEG', () => {
  it.each([
    ['baseline', {}],
    ['progressive', { progressive: true }],
    ['with restart markers', { restart: 2 }],
    ['whose last restart interval is not full', { restart: 4 }],
    ['progressive, last restart interval not full', { progressive: true, restart: 4 }],
  ])('grey, %s', async (_, variant) => {
    const file = jpegFixture({ width: 24, height: 16, components: [luma(GREYS)], ...variant });
    expectGreyBlocks(await decodeImage(file));
  });

  it('cuts a picture that does not fill its last blocks', async () => {
    const image = await decodeImage(
      jpegFixture({ width: 17, height: 9, components: [luma(GREYS)] }),
    );
    expect([image.width, image.height, image.data.length]).toEqual([17, 9, 17 * 9 * 3]);
    expect(pixel(image, 16, 0)).toEqual([200, 200, 200]);
    expect(pixel(image, 0, 8)).toEqual([255, 255, 255]);
  });

  it.each([{}, { progressive: true }, { restart: 1 }])(
    'chroma at a quarter, %j',
    async (variant) => {
      const y = {
        ...luma([
          [50, 100],
          [150, 200],
        ]),
        h: 2,
        v: 2,
      };
      const components = [y, flat(2, 128), flat(3, 148)];
      const image = await decodeImage(
        jpegFixture({ width: 16, height: 16, components, ...variant }),
      );
      // R = Y + 1.402 · 20, G = Y − 0.714 · 20, B = Y.
      expectNear(pixel(image, 3, 3), [78, 36, 50]);
      expectNear(pixel(image, 12, 12), [228, 186, 200]);
    },
  );

  it.each<[string, Uint8Array[], number[], Rgb]>([
    ['YCbCr without any marker', [], [1, 2, 3], [255, 116, 70]],
    ['YCbCr by Adobe', [adobe(1)], [1, 2, 3], [255, 116, 70]],
    ['RGB by Adobe', [adobe(0)], [1, 2, 3], [180, 66, 248]],
    ['RGB by its component names', [], [82, 71, 66], [180, 66, 248]],
    ['YCbCr because JFIF outranks Adobe', [JFIF, adobe(0)], [1, 2, 3], [255, 116, 70]],
  ])('three components: %s', async (_, before, [a, b, c], expected) => {
    const components = [flat(a, 180), flat(b, 66), flat(c, 248)];
    const image = await decodeImage(jpegFixture({ width: 8, height: 8, components, before }));
    expectNear(pixel(image, 4, 4), expected);
  });

  it('CMYK, inverted as Adobe writes it', async () => {
    // Stored 255 − ink: cyan 20 %, magenta 60 %, no yellow, black 40 %.
    const components = [flat(1, 204), flat(2, 102), flat(3, 255), flat(4, 153)];
    const file = jpegFixture({ width: 8, height: 8, components, before: [adobe(0)] });
    expectNear(pixel(await decodeImage(file), 0, 0), [0.8 * 153, 0.4 * 153, 153]);
  });

  it('YCCK, inverted as Adobe writes it', async () => {
    // Y Cb Cr of the inks C 50, M 50, Y 50 of 255 is (50, 128, 128); black is stored as 255 − 51.
    const components = [flat(1, 50), flat(2, 128), flat(3, 128), flat(4, 204)];
    const file = jpegFixture({ width: 8, height: 8, components, before: [adobe(2)] });
    expectNear(pixel(await decodeImage(file), 0, 0), Array(3).fill((205 * 204) / 255));
  });

  it('ignores what follows the end marker', async () => {
    const file = jpegFixture({ width: 24, height: 16, components: [luma(GREYS)] });
    expectGreyBlocks(await decodeImage(Buffer.concat([file, Buffer.from('trailing \xff\xd8')])));
  });

  it('leaves the bytes to the caller, even a view into a larger buffer', async () => {
    const file = jpegFixture({ width: 24, height: 16, components: [luma(GREYS)] });
    const larger = Buffer.concat([Buffer.from('before'), file, Buffer.from('after')]);
    const view = larger.subarray(6, 6 + file.length);
    expectGreyBlocks(await decodeImage(view));
    expect(Buffer.compare(view, file)).toBe(0);
  });
});
