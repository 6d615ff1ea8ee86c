import { deflateSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg, encodePng } from '../src/engine/image/encode.ts';
import { adobe, flat, insert, jpegFixture, luma, segment } from './support/jpegFixture.ts';
import { GREYS, gradient } from './support/pixels.ts';
import { chunk, ihdr, PNG_SIGNATURE, pngFixture } from './support/pngFixture.ts';
import { refusal } from './support/refusal.ts';

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
    const error = await refusal(decodeImage(file));
    expect(error.code).toBe('UnsupportedImage');
    expect(error.message).toMatch(reason);
    expect(error.message).not.toMatch(/\n|undefined/);
  });
});

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
