import { parentPort } from 'node:worker_threads';
import exifr from 'exifr';
import { type ErrorCode, FacegraphError } from '../../errors.ts';
import type { Header } from './header.ts';
import type { Image } from './image.ts';
import { decodeJpeg } from './jpeg.ts';
import { orient } from './orient.ts';
import { decodePng } from './png.ts';

/** One picture to decode; the buffer of `bytes` is transferred and so lost to the sender. */
export interface DecodeRequest {
  readonly bytes: Uint8Array;
  readonly header: Header;
}

/** The upright picture, its buffer transferred, or why there is none. */
export type DecodeAnswer =
  | { readonly image: Image }
  | { readonly code: ErrorCode; readonly message: string };

const port = parentPort!;

port.on('message', async (request: DecodeRequest) => {
  const answer = await decode(request);
  const transfer = 'image' in answer ? [answer.image.data.buffer as ArrayBuffer] : [];
  port.postMessage(answer, transfer);
});
port.postMessage('ready');

async function decode({ bytes, header }: DecodeRequest): Promise<DecodeAnswer> {
  try {
    const stored = header.format === 'jpeg' ? decodeJpeg(bytes, header) : decodePng(bytes, header);
    return { image: orient(stored, await orientation(bytes)) };
  } catch (error) {
    if (error instanceof FacegraphError) return { code: error.code, message: error.message };
    // The decoders throw plain Errors on purpose and TypeErrors by stumbling; only the former say something.
    const reason =
      error instanceof Error && error.name === 'Error' ? error.message : 'its data is corrupt';
    return {
      code: 'UnsupportedImage',
      message: `damaged ${header.format.toUpperCase()}: ${reason}`,
    };
  }
}

async function orientation(bytes: Uint8Array): Promise<number> {
  try {
    return (await exifr.orientation(bytes)) ?? 1;
  } catch {
    // Metadata that cannot be read says nothing about the pixels.
    return 1;
  }
}
