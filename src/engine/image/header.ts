import { FacegraphError } from '../../errors.ts';
import { type JpegHeader, readJpegHeader } from './jpegHeader.ts';
import { type PngHeader, readPngHeader } from './pngHeader.ts';

/** What the first bytes of a file say about the picture, read without decoding anything. */
export type Header = JpegHeader | PngHeader;

type Signature = readonly [name: string, offset: number, magic: string];

const JPEG = '\xff\xd8';
const PNG = '\x89PNG\r\n\x1a\n';

// Named so that the refusal can say what the file is. Order matters for the ISO media brands.
const OTHERS: readonly Signature[] = [
  ['GIF', 0, 'GIF87a'],
  ['GIF', 0, 'GIF89a'],
  ['WebP', 8, 'WEBP'],
  ['AVIF', 4, 'ftypavi'],
  ['HEIC', 4, 'ftyphe'],
  ['HEIC', 4, 'ftypmif1'],
  ['HEIC', 4, 'ftypmsf1'],
  ['a video', 4, 'ftyp'],
  ['BMP', 0, 'BM'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['JPEG XL', 0, '\xff\x0a'],
  ['JPEG XL', 4, 'JXL \r\n\x87\n'],
  ['JPEG 2000', 4, 'jP  \r\n\x87\n'],
  ['JPEG 2000', 0, '\xff\x4f\xff\x51'],
  ['Photoshop', 0, '8BPS'],
  ['PDF', 0, '%PDF'],
  ['SVG or XML', 0, '<'],
];

/**
 * Format, size in pixels and sample layout of a JPEG or PNG, from its header alone.
 * @throws FacegraphError `UnsupportedImage` with the reason: another format, a variant that the decoders
 * do not know, or a header that is cut short or contradicts itself.
 */
export function readHeader(bytes: Uint8Array): Header {
  if (bytes.length === 0) throw new FacegraphError('UnsupportedImage', 'the file is empty');
  if (has(bytes, 0, JPEG)) return readJpegHeader(bytes);
  if (has(bytes, 0, PNG)) return readPngHeader(bytes);
  const other = OTHERS.find(([, offset, magic]) => has(bytes, offset, magic));
  const what = other ? `${other[0]} is not supported` : 'this is not an image that we know';
  throw new FacegraphError('UnsupportedImage', `${what}: send JPEG or PNG`);
}

function has(bytes: Uint8Array, offset: number, magic: string): boolean {
  if (bytes.length < offset + magic.length) return false;
  for (let i = 0; i < magic.length; i++) {
    if (bytes[offset + i] !== magic.charCodeAt(i)) return false;
  }
  return true;
}
