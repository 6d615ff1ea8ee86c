import { readHeader } from '../../engine/image/header.ts';
import { FacegraphError } from '../../errors.ts';
import type { RequestRecord } from './request.ts';

/** What each megapixel after the first adds to the cost of an image: decoder and GPU take longer. */
const MEGAPIXEL_COST = 100;

/**
 * Counts an image against what its request and key may still ask for, before it is decoded. The
 * image's own limits are the decoder's business.
 * @throws FacegraphError `UnsupportedImage`, `ImageTooLarge`, `RateLimited`.
 */
export function admitImage(request: RequestRecord, bytes: Uint8Array): void {
  const { limits } = request;
  request.images++;
  request.bytes += bytes.length;
  const { width, height } = readHeader(bytes);
  const pixels = width * height;
  if (pixels > limits.maxImagePixels) return;
  request.pixels += pixels;
  if (request.pixels > limits.maxRequestPixels) {
    const megapixels = limits.maxRequestPixels / 1e6;
    const message = `the images of the request have more than ${megapixels} megapixels together`;
    throw new FacegraphError('ImageTooLarge', message);
  }
  const retryAfter = request.spend(MEGAPIXEL_COST * Math.max(Math.ceil(pixels / 1e6) - 1, 0));
  if (retryAfter > 0) throw rateLimited(retryAfter);
}

/** The failure of a client that has spent its share. @param retryAfter seconds. */
export function rateLimited(retryAfter: number): FacegraphError {
  const message = `your share of this minute is spent: try again in ${retryAfter} s`;
  return new FacegraphError('RateLimited', message, { retryAfter });
}
