import { FacegraphError } from '../../errors.ts';
import { DEFAULT_QUEUE, type QueueLimits, type QueueObserver } from '../fairQueue.ts';
import { type Header, readHeader } from './header.ts';
import type { Image } from './image.ts';
import { createPool, type Pool, WorkerFailure } from './pool.ts';
import type { DecodeAnswer, DecodeRequest } from './worker.ts';

/** What a caller may send; both are checked before anything is allocated or decoded. */
export interface ImageLimits {
  readonly maxBytes: number;
  readonly maxPixels: number;
}

/** 10 MB and 40 megapixels. */
const DEFAULT_LIMITS: ImageLimits = { maxBytes: 10_000_000, maxPixels: 40_000_000 };

/** Of a picture that was let in before, whatever held then: only what the decoder has memory for. */
export const STORED_LIMITS: ImageLimits = { ...DEFAULT_LIMITS, maxBytes: Number.POSITIVE_INFINITY };

const THREADS = 2;
// JPEG's own limit; a PNG beyond it is no photograph, and overflows the arithmetic of pngjs.
const MAX_SIDE = 65_535;

/** What pictures may be, and how they wait to be decoded. */
export interface DecoderOptions {
  /** Of a picture whose caller says nothing else. */
  readonly images?: ImageLimits;
  /** Files waiting; `bytes` is their size together. */
  readonly limits: QueueLimits;
  readonly observe?: QueueObserver;
}

let images = DEFAULT_LIMITS;
let queue: Omit<DecoderOptions, 'images'> = { limits: DEFAULT_QUEUE };
let pool: Pool<DecodeRequest, DecodeAnswer> | undefined;

/** Says what pictures may be and how they wait; call it before the first is decoded. */
export function setUpDecoder({ images: given = DEFAULT_LIMITS, ...waiting }: DecoderOptions): void {
  images = given;
  queue = waiting;
}

/** What a picture may be whose caller says nothing else, for those who read files. */
export function imageLimits(): ImageLimits {
  return images;
}

/**
 * What a file's header says, where the picture may be decoded.
 * @throws FacegraphError `ImageTooLarge` or `UnsupportedImage`, with the reason in one line.
 */
export function checkImage(bytes: Uint8Array, limits: ImageLimits): Header {
  if (bytes.length > limits.maxBytes) {
    throw tooLarge(`${millions(bytes.length)} MB`, `${millions(limits.maxBytes)} MB`);
  }
  const header = readHeader(bytes);
  const { width, height } = header;
  if (width * height > limits.maxPixels) {
    throw tooLarge(`${width}x${height} pixels`, `${millions(limits.maxPixels)} megapixels`);
  }
  if (Math.max(width, height) > MAX_SIDE) {
    throw tooLarge(`${width}x${height} pixels`, `${MAX_SIDE} pixels a side`);
  }
  return header;
}

/**
 * Decodes a JPEG (baseline or progressive; grey, YCbCr, RGB, CMYK, YCCK) or a PNG (any kind) in a worker thread and turns
 * it upright by its EXIF orientation. Transparency is laid over white; colour profiles are ignored. The bytes are
 * copied to the worker, since a transfer would take them from the caller; the pixels come back without a copy.
 * @param gone aborted when nobody waits for the picture any more; the current caller's signal where absent.
 * @throws FacegraphError as `checkImage`; `EngineBusy` when too many pictures wait, `Cancelled` when `gone` is aborted
 *   before its turn.
 */
export async function decodeImage(
  bytes: Uint8Array,
  limits: ImageLimits = images,
  gone?: AbortSignal,
): Promise<Image> {
  const header = checkImage(bytes, limits);
  const pixels = header.width * header.height;
  // One budget for all threads: pictures at the limit are decoded one at a time (1.1 GB each in jpeg-js, 2 GB in pngjs).
  pool ??= createPool(new URL('./worker.mjs', import.meta.url), {
    threads: THREADS,
    budget: DEFAULT_LIMITS.maxPixels,
    ...queue,
  });
  // Not slice(), which on a Buffer is a view.
  const copy = new Uint8Array(bytes);
  const job = {
    request: { bytes: copy, header },
    transfer: [copy.buffer],
    cost: pixels,
    // Twelve times what a slow core needs for the dearest kinds (0.5 s a megapixel): it is time by the clock, of which a
    // thread has a fraction on an overloaded machine, and a good picture must not be refused for that.
    timeout: 15_000 + pixels / 166,
    signal: gone,
  };
  const answer = await pool.run(job).catch((error: Error) => {
    if (!(error instanceof WorkerFailure)) throw error;
    throw new FacegraphError('UnsupportedImage', `the decoder ${error.message} on this image`);
  });
  if ('image' in answer) return answer.image;
  throw new FacegraphError(answer.code, answer.message);
}

/** Waits for pictures being decoded, then ends the worker threads. A later `decodeImage` starts new ones. */
export async function closeDecoder(): Promise<void> {
  const closing = pool;
  pool = undefined;
  await closing?.close();
}

function tooLarge(what: string, limit: string): FacegraphError {
  return new FacegraphError('ImageTooLarge', `the image has ${what}; the limit is ${limit}`);
}

function millions(n: number): string {
  return String(Math.ceil(n / 1e4) / 100);
}
