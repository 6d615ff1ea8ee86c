import jpeg from 'jpeg-js';
import type { Image } from './image.ts';
import { withPooledBlocks } from './jpegBlocks.ts';
import { checkJpegScans, type JpegHeader } from './jpegHeader.ts';

/**
 * Decodes a JPEG as stored, without its EXIF orientation. Grey becomes R = G = B; CMYK and YCCK (Adobe, inverted) are
 * converted without an ink profile; chroma is replicated, not interpolated as libjpeg does.
 * @throws FacegraphError `UnsupportedImage` for a file cut short; a plain Error for damaged data.
 */
export function decodeJpeg(bytes: Uint8Array, header: JpegHeader): Image {
  checkJpegScans(bytes, header);
  const { width, height, components, rgb } = header;
  // What jpeg-js counts: per component 4 bytes of coefficients, 1 of samples, 1 of output; then the RGB.
  // Blocks are padded to a unit of at most 32 pixels, and tables cannot take more than the file has bytes.
  const perPixel = components.length * 6 + 3;
  const memory = (width + 32) * (height + 32) * perPixel + bytes.length + 65536;
  const options = {
    useTArray: true,
    formatAsRGBA: false,
    // jpeg-js ignores Adobe's "no transform" for three components.
    ...(rgb && { colorTransform: false }),
    // Strict mode fails on whole grey files whose last restart interval is not full, and notices nothing
    // else: a missing piece of data throws in both modes.
    tolerantDecoding: true,
    maxResolutionInMP: Math.ceil((width * height) / 1e6),
    maxMemoryUsageInMB: Math.ceil(memory / 2 ** 20),
  } as const;
  const { data } = withPooledBlocks(() => jpeg.decode(bytes, options));
  return { width, height, data };
}
