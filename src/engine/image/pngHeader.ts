import { FacegraphError } from '../../errors.ts';

/** The IHDR chunk of a PNG. */
export interface PngHeader {
  readonly format: 'png';
  readonly width: number;
  readonly height: number;
  /** Channels times bit depth, 1 to 64. */
  readonly bitsPerPixel: number;
  readonly interlaced: boolean;
}

// By colour type: channels, and the bit depths that the specification allows.
const COLOUR_TYPES: Readonly<
  Record<number, readonly [channels: number, depths: readonly number[]]>
> = {
  0: [1, [1, 2, 4, 8, 16]],
  2: [3, [8, 16]],
  3: [1, [1, 2, 4, 8]],
  4: [2, [8, 16]],
  6: [4, [8, 16]],
};

const IHDR = 0x49484452;

/**
 * Reads the header chunk of a PNG.
 * @throws FacegraphError `UnsupportedImage`
 */
export function readPngHeader(bytes: Uint8Array): PngHeader {
  if (bytes.length < 33) throw refused('truncated PNG: the file ends inside its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(8) !== 13 || view.getUint32(12) !== IHDR) {
    throw refused('damaged PNG: it does not begin with a header chunk');
  }
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, type, compression, filter, interlace] = bytes.subarray(24, 29);
  const [channels, depths] = COLOUR_TYPES[type] ?? [0, []];
  if (width === 0 || height === 0) throw refused(`PNG of ${width}x${height} pixels`);
  if (!depths.includes(depth)) throw refused(`damaged PNG: colour type ${type} with ${depth} bits`);
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw refused('damaged PNG: unknown compression, filter or interlace method');
  }
  return {
    format: 'png',
    width,
    height,
    bitsPerPixel: channels * depth,
    interlaced: interlace === 1,
  };
}

function refused(reason: string): FacegraphError {
  return new FacegraphError('UnsupportedImage', reason);
}
