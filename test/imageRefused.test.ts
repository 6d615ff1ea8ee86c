import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg, encodePng } from '../src/engine/image/encode.ts';
import { FacegraphError } from '../src/errors.ts';
import { adobe, flat, insert, jpegFixture, luma, segment } from './support/jpegFixture.ts';
import { GREYS, gradient } from './support/pixels.ts';
import { chunk, ihdr, PNG_SIGNATURE, pngFixture } from './support/pngFixture.ts';

const SOI = Uint8Array.of(0xff, 0xd8);
const jpeg = encodeJpeg(gradient(67, 41));
const png = encodePng(gradient(67, 41));
const grey = { width: 24, height: 16, components: [luma(GREYS)] };
const greyPng = { width: 50, height: 40, type: 0, depth: 8, sample: () => [5] } as const;

afterAll(closeDecoder);

describe('refused with a typed reason', () => {
  const unsupported: [name: string, file: Uint8Array, reason: RegExp][] = [
    ['nothing', new Uint8Array(), /empty/],
    ['one byte', Uint8Array.of(0xff), /not an image/],
    ['text', Buffer.from('hello, world'), /not an image/],
    ['GIF', Buffer.from('GIF89a\x01\0\x01\0\0\0\0;', 'latin1'), /GIF is not supported/],
    ['WebP', Buffer.from('RIFF\x24\0\0\0WEBPVP8 ', 'latin1'), /WebP is not supported/],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), /HEIC is not/],
    ['HEIF', Buffer.from('\0\0\0\x18ftypmif1\0\0\0\0mif1heic', 'latin1'), /HEIC is not/],
    ['AVIF', Buffer.from('\0\0\0\x18ftypavif\0\0\0\0avifmif1', 'latin1'), /AVIF is not supported/],
    ['video', Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isom', 'latin1'), /a video is not/],
    ['BMP', Buffer.from('BM\x46\0\0\0\0\0\0\0', 'latin1'), /BMP is not supported/],
    ['TIFF', Buffer.from('II*\0\x08\0\0\0', 'latin1'), /TIFF is not supported/],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG or XML is not/],
    ['PDF', Buffer.from('%PDF-1.7'), /PDF is not supported/],
    ['JPEG start alone', SOI, /truncated JPEG/],
    ['JPEG start and end alone', Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), /without a picture/],
    ['JPEG cut in the header', jpeg.subarray(0, 100), /truncated JPEG/],
    ['JPEG cut in the middle', jpeg.subarray(0, jpeg.length / 2), /truncated JPEG/],
    ['JPEG without its end marker', jpeg.subarray(0, -2), /truncated JPEG/],
    [
      'JPEG cut, end marker put back',
      Buffer.concat([jpeg.subarray(0, jpeg.length / 2), Uint8Array.of(0xff, 0xd9)]),
      /damaged JPEG: unexpected marker/,
    ],
    [
      'JPEG scan before its frame',
      Buffer.concat([SOI, segment(0xda, [1, 1, 0, 0, 63, 0])]),
      /before the frame/,
    ],
    [
      'JPEG with two frames',
      insert(jpeg, segment(0xc0, [8, 0, 8, 0, 8, 1, 1, 0x11, 0])),
      /more than one frame/,
    ],
    [
      'lossless JPEG',
      Buffer.concat([SOI, segment(0xc3, [8, 0, 8, 0, 8, 1, 1, 0x11, 0])]),
      /lossless JPEG/,
    ],
    [
      'arithmetic JPEG',
      Buffer.concat([SOI, segment(0xc9, [8, 0, 8, 0, 8, 1, 1, 0x11, 0])]),
      /arithmetic-coded/,
    ],
    ['JPEG of 12 bits', jpegFixture({ ...grey, precision: 12 }), /12 bits per sample/],
    ['JPEG of no height', jpegFixture({ ...grey, height: 0 }), /24x0 pixels/],
    [
      'JPEG with two components',
      jpegFixture({ ...grey, components: [flat(1, 0), flat(2, 0)] }),
      /2 components/,
    ],
    [
      'JPEG with twins',
      jpegFixture({ ...grey, components: [flat(1, 0), flat(1, 0), flat(2, 0)] }),
      /same identifier/,
    ],
    [
      'JPEG sampled by 5',
      jpegFixture({ ...grey, components: [{ ...flat(1, 0), h: 5 }] }),
      /sampling factor 5x1/,
    ],
    [
      'CMYK without Adobe',
      jpegFixture({ ...grey, components: [1, 2, 3, 4].map((id) => flat(id, 9)) }),
      /ambiguous/,
    ],
    ['JPEG with a silent component', silentComponent(), /colour component has no data/],
    [
      'JPEG without tables',
      Buffer.concat([
        SOI,
        segment(0xc0, [8, 0, 8, 0, 8, 1, 1, 0x11, 0]),
        segment(0xda, [1, 1, 0, 0, 63, 0]),
        Uint8Array.of(0, 0xff, 0xd9),
      ]),
      /damaged JPEG: its data is corrupt/,
    ],
    ['PNG signature alone', PNG_SIGNATURE, /truncated PNG/],
    ['PNG cut in the middle', png.subarray(0, png.length / 2), /truncated PNG/],
    ['PNG without its end chunk', png.subarray(0, -12), /truncated PNG/],
    [
      'PNG without a header',
      Buffer.concat([PNG_SIGNATURE, chunk('IDAT', new Uint8Array(40))]),
      /does not begin with a header/,
    ],
    ['PNG of no width', Buffer.concat([PNG_SIGNATURE, ihdr(0, 9, 8, 0)]), /0x9 pixels/],
    [
      'PNG of 8-bit palette indices in 16',
      Buffer.concat([PNG_SIGNATURE, ihdr(9, 9, 16, 3)]),
      /colour type 3 with 16 bits/,
    ],
    ['PNG of colour type 5', Buffer.concat([PNG_SIGNATURE, ihdr(9, 9, 8, 5)]), /colour type 5/],
    ['PNG interlaced by 2', Buffer.concat([PNG_SIGNATURE, ihdr(9, 9, 8, 0, 2)]), /interlace/],
    [
      'PNG with a wrong checksum',
      png.map((b, i) => (i === 30 ? b ^ 1 : b)),
      /a chunk has a wrong checksum/,
    ],
    ['PNG whose data is not zlib', pngOf(Buffer.from('not zlib at all')), /does not inflate/],
    [
      'PNG whose zlib is cut',
      pngOf(deflateSync(Buffer.alloc(2040)).subarray(0, -8)),
      /does not inflate/,
    ],
    ['PNG with too few rows', pngFixture({ ...greyPng, rows: (r) => r.subarray(51) }), /less data/],
    [
      'PNG with a row too many',
      pngFixture({ ...greyPng, rows: (r) => Buffer.concat([r, r.subarray(0, 51)]) }),
      /more data/,
    ],
    [
      'PNG bomb: 50 MB behind 50x40',
      pngFixture({ ...greyPng, rows: () => Buffer.alloc(50e6) }),
      /more data/,
    ],
    [
      'interlaced PNG bomb',
      pngFixture({ ...greyPng, interlaced: true, rows: () => Buffer.alloc(50e6) }),
      /more data/,
    ],
    [
      'PNG with an unknown filter',
      pngFixture({ ...greyPng, rows: (r) => r.fill(9, 0, 1) }),
      /filter type - 9/,
    ],
    ['palette PNG without a palette', pngFixture({ ...greyPng, type: 3 }), /palette/],
  ];

  it.each(unsupported)('%s', async (_, file, reason) => {
    const error = await failure(decodeImage(file));
    expect(error.code).toBe('UnsupportedImage');
    expect(error.message).toMatch(reason);
    expect(error.message).not.toMatch(/\n|undefined/);
  });

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
    const error = await failure(decodeImage(file));
    expect(error.code).toBe('ImageTooLarge');
    expect(error.message).toMatch(reason);
  });

  it('limits are the caller’s, and inclusive', async () => {
    const limits = { maxBytes: jpeg.length, maxPixels: 67 * 41 };
    expect((await decodeImage(jpeg, limits)).width).toBe(67);
    const pixels = await failure(decodeImage(jpeg, { ...limits, maxPixels: 67 * 41 - 1 }));
    const bytes = await failure(decodeImage(jpeg, { ...limits, maxBytes: jpeg.length - 1 }));
    expect([pixels.code, bytes.code]).toEqual(['ImageTooLarge', 'ImageTooLarge']);
  });

  it('a lying header costs no memory', async () => {
    const before = process.memoryUsage.rss();
    await Promise.all(
      Array.from({ length: 50 }, () => failure(decodeImage(frame(60_000, 60_000)))),
    );
    expect(process.memoryUsage.rss() - before).toBeLessThan(20e6);
  });
});

describe('any bytes', () => {
  const limits = { maxBytes: 1e6, maxPixels: 250_000 };
  const answersOf = async (file: Uint8Array) => {
    const answer = await decodeImage(file, limits).catch((error: unknown) => error);
    if (answer instanceof FacegraphError) return answer.code;
    expect(answer).not.toBeInstanceOf(Error);
    const image = answer as Awaited<ReturnType<typeof decodeImage>>;
    expect(image.data.length).toBe(image.width * image.height * 3);
    return 'decoded';
  };

  it('a JPEG cut anywhere is refused, never half a picture', async () => {
    const cuts = Array.from({ length: jpeg.length }, (_, n) => jpeg.subarray(0, n));
    const answers = await Promise.all(cuts.map(answersOf));
    expect(new Set(answers)).toEqual(new Set(['UnsupportedImage']));
  });

  it('changed bytes decode or are refused, and the decoder lives on', async () => {
    const files = [jpeg, png, jpegFixture({ ...grey, progressive: true, restart: 2 })];
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 });
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), changes, async (file, edits) => {
        const changed = Uint8Array.from(file);
        for (const [at, value] of edits) changed[at % file.length] = value;
        seen.add(await answersOf(changed));
      }),
      { numRuns: 400, seed: 20 },
    );
    expect(seen).toContain('decoded');
    expect(seen).toContain('UnsupportedImage');
    expect(await answersOf(jpeg)).toBe('decoded');
  });

  it('rubbish behind a magic number is refused', async () => {
    const magic = fc.constantFrom(SOI, PNG_SIGNATURE, jpeg.subarray(0, 200), png.subarray(0, 60));
    await fc.assert(
      fc.asyncProperty(magic, fc.uint8Array({ maxLength: 500 }), async (start, rest) => {
        expect(await answersOf(Buffer.concat([start, rest]))).toMatch(/Unsupported|TooLarge/);
      }),
      { numRuns: 200, seed: 20 },
    );
  });
});

async function failure(promise: Promise<unknown>): Promise<FacegraphError> {
  const error = await promise.then(
    () => 'it was accepted',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FacegraphError);
  return error as FacegraphError;
}

function pngOf(data: Uint8Array): Uint8Array {
  return Buffer.concat([
    PNG_SIGNATURE,
    ihdr(50, 40, 8, 0),
    chunk('IDAT', data),
    chunk('IEND', new Uint8Array()),
  ]);
}

function silentComponent(): Uint8Array {
  const file = jpegFixture({
    ...grey,
    components: [flat(1, 9), flat(2, 9), flat(3, 9)],
    before: [adobe(1)],
  });
  const first = jpegFixture({ ...grey, components: [flat(1, 9)] });
  const sos = (bytes: Uint8Array) =>
    bytes.findIndex((_, i) => bytes[i] === 0xff && bytes[i + 1] === 0xda);
  return Buffer.concat([file.subarray(0, sos(file)), first.subarray(sos(first))]);
}
