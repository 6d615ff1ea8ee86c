import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg } from '../src/engine/image/encode.ts';
import { exif, insert, jpegFixture, luma, segment } from './support/jpegFixture.ts';
import { expectGreyBlocks, GREYS, gradient, pixel } from './support/pixels.ts';
import { chunk, pngFixture } from './support/pngFixture.ts';

afterAll(closeDecoder);

describe('EXIF orientation', () => {
  // The side of the upright picture on which the first stored row and column lie (EXIF 2.3, tag 274).
  const sides = ['', 'top left', 'top right', 'bottom right', 'bottom left'].concat(
    'left top',
    'right top',
    'right bottom',
    'left bottom',
  );
  const at = (side: string, i: number, n: number) =>
    side === 'right' || side === 'bottom' ? n - 1 - i : i;

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i is turned upright, in either byte order', async (tag) => {
    const [rowSide, columnSide] = sides[tag].split(' ');
    const turned = tag > 4;
    const [rows, columns] = turned ? [3, 2] : [2, 3];
    const stored = Array.from({ length: rows }, (_, r) =>
      Array.from({ length: columns }, (_, c) => {
        const along = at(rowSide, r, rows);
        const across = at(columnSide, c, columns);
        return turned ? GREYS[across][along] : GREYS[along][across];
      }),
    );
    const plain = { width: columns * 8, height: rows * 8, components: [luma(stored)] };
    for (const littleEndian of [true, false]) {
      const before = [exif(tag, littleEndian)];
      expectGreyBlocks(await decodeImage(jpegFixture({ ...plain, before })));
    }
  });

  it('is applied to odd sizes at pixel accuracy', async () => {
    const source = gradient(13, 7);
    const stored = encodeJpeg(source, 100);
    const upright = await decodeImage(insert(stored, exif(6)));
    const asStored = await decodeImage(stored);
    expect([upright.width, upright.height]).toEqual([7, 13]);
    // Tag 6: the first stored column is the top row, read from the bottom of the file to its top.
    expect(pixel(upright, 6, 0)).toEqual(pixel(asStored, 0, 0));
    expect(pixel(upright, 0, 12)).toEqual(pixel(asStored, 12, 6));
    expect(pixel(upright, 2, 5)).toEqual(pixel(asStored, 5, 4));
  });

  it.each([
    ['0', exif(0)],
    ['9', exif(9)],
    ['a directory outside the segment', exif(6).map((b, i) => (i === 16 ? 255 : b))],
    ['rubbish', segment(0xe1, [...Buffer.from('Exif\0\0'), 1, 2, 3])],
  ])('%s leaves the picture as it is stored', async (_, marker) => {
    const file = jpegFixture({
      width: 24,
      height: 16,
      components: [luma(GREYS)],
      before: [marker],
    });
    expectGreyBlocks(await decodeImage(file));
  });

  it('is read from a PNG too', async () => {
    const tiff = exif(3).subarray(10);
    const file = pngFixture({
      width: 2,
      height: 1,
      type: 0,
      depth: 8,
      sample: (x) => [x * 100],
      before: [chunk('eXIf', tiff)],
    });
    expect([...(await decodeImage(file)).data]).toEqual([100, 100, 100, 0, 0, 0]);
  });
});
