import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg } from '../src/engine/image/encode.ts';
import { flat, jpegFixture } from './support/jpegFixture.ts';
import { gradient } from './support/pixels.ts';
import { ihdr, PNG_SIGNATURE } from './support/pngFixture.ts';
import { refusal } from './support/refusal.ts';

const jpeg = encodeJpeg(gradient(67, 41));

afterAll(closeDecoder);

describe('limits', () => {
  const frame = (width: number, height: number) =>
    jpegFixture({ width: 8, height: 8, components: [flat(1, 0)] }).map((b, i, file) => {
      const sof = file.findIndex((_, j) => file[j] === 0xff && file[j + 1] === 0xc0);
      return (
        {
          [sof + 5]: height >> 8,
          [sof + 6]: height & 255,
          [sof + 7]: width >> 8,
          [sof + 8]: width & 255,
        }[i] ?? b
      );
    });
  const large: [name: string, file: Uint8Array, reason: RegExp][] = [
    [
      'JPEG that says 60000x60000',
      frame(60_000, 60_000),
      /60000x60000 pixels; the limit is 40 meg/,
    ],
    [
      'PNG that says 2^31-1 squared',
      Buffer.concat([PNG_SIGNATURE, ihdr(2 ** 31 - 1, 2 ** 31 - 1, 8, 2)]),
      /the limit is 40 megapixels/,
    ],
    [
      'PNG of one very long line',
      Buffer.concat([PNG_SIGNATURE, ihdr(70_000, 1, 8, 2)]),
      /65535 pixels a side/,
    ],
    [
      'more than 10 MB',
      Buffer.concat([jpeg, Buffer.alloc(10_000_000)]),
      /10.01 MB; the limit is 10 MB/,
    ],
  ];

  it.each(large)('too large: %s', async (_, file, reason) => {
    const error = await refusal(decodeImage(file));
    expect(error.code).toBe('ImageTooLarge');
    expect(error.message).toMatch(reason);
  });

  it('limits are the caller’s, and inclusive', async () => {
    const limits = { maxBytes: jpeg.length, maxPixels: 67 * 41 };
    expect((await decodeImage(jpeg, limits)).width).toBe(67);
    const pixels = await refusal(decodeImage(jpeg, { ...limits, maxPixels: 67 * 41 - 1 }));
    const bytes = await refusal(decodeImage(jpeg, { ...limits, maxBytes: jpeg.length - 1 }));
    expect([pixels.code, bytes.code]).toEqual(['ImageTooLarge', 'ImageTooLarge']);
  });

  it('a lying header costs no memory', async () => {
    const before = process.memoryUsage.rss();
    await Promise.all(
      Array.from({ length: 50 }, () => refusal(decodeImage(frame(60_000, 60_000)))),
    );
    expect(process.memoryUsage.rss() - before).toBeLessThan(20e6);
  });
});
