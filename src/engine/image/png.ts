import { crc32, inflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { FacegraphError } from '../../errors.ts';
import type { Image } from './image.ts';
import type { PngHeader } from './pngHeader.ts';

const IDAT = 0x49444154;
const IEND = 0x49454e44;

// Adam7: first column and row of each pass, and the steps between its columns and rows.
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/**
 * Decodes a PNG. 16-bit samples are rounded to 8; transparent pixels are laid over white, which is what a viewer of a
 * cut-out portrait sees (black would draw a false silhouette around dark hair). Colour profiles are ignored.
 * @throws FacegraphError `UnsupportedImage` for a file cut short or data that disagrees with the header;
 * a plain Error for other damage.
 */
export function decodePng(bytes: Uint8Array, header: PngHeader): Image {
  const whole = checkPngData(bytes, header);
  const { width, height, data } = PNG.sync.read(whole, { checkCRC: false });
  return { width, height, data: overWhite(data, width * height) };
}

// pngjs inflates interlaced files without a bound, ignores surplus data in the others, and blames a wrong checksum on
// what comes after it, so all of that is proved first; what follows the end chunk is dropped because pngjs refuses it and viewers do not.
function checkPngData(bytes: Uint8Array, header: PngHeader): Buffer {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Buffer[] = [];
  let position = 8;
  for (let type = 0; type !== IEND; ) {
    if (position + 12 > file.length) throw truncated();
    const length = file.readUInt32BE(position);
    type = file.readUInt32BE(position + 4);
    if (position + 12 + length > file.length) throw truncated();
    const end = position + 8 + length;
    if (crc32(file.subarray(position + 4, end)) !== file.readUInt32BE(end)) {
      throw damaged('a chunk has a wrong checksum');
    }
    if (type === IDAT) parts.push(file.subarray(position + 8, end));
    position = end + 4;
  }
  const expected = inflatedSize(header);
  let actual: number;
  try {
    actual = inflateSync(Buffer.concat(parts), { maxOutputLength: expected }).length;
  } catch (error) {
    throw damaged(
      (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        ? 'it holds more data than its header declares'
        : `its data does not inflate (${(error as Error).message})`,
    );
  }
  if (actual < expected) throw damaged('it holds less data than its header declares');
  return file.subarray(0, position);
}

function inflatedSize({ width, height, bitsPerPixel, interlaced }: PngHeader): number {
  let size = 0;
  for (const [x, y, dx, dy] of interlaced ? PASSES : [[0, 0, 1, 1]]) {
    const columns = Math.ceil((width - x) / dx);
    const rows = Math.ceil((height - y) / dy);
    if (columns > 0 && rows > 0) size += rows * (1 + Math.ceil((columns * bitsPerPixel) / 8));
  }
  return size;
}

function overWhite(rgba: Uint8Array, pixels: number): Uint8Array {
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0, o = 0; o < rgb.length; i += 4) {
    const alpha = rgba[i + 3];
    const white = 255 * (255 - alpha) + 127;
    for (let c = 0; c < 3; c++) rgb[o++] = (rgba[i + c] * alpha + white) / 255;
  }
  return rgb;
}

function damaged(reason: string): FacegraphError {
  return new FacegraphError('UnsupportedImage', `damaged PNG: ${reason}`);
}

function truncated(): FacegraphError {
  return new FacegraphError(
    'UnsupportedImage',
    'truncated PNG: the file ends before its end chunk',
  );
}
