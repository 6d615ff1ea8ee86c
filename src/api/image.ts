import { createHash } from 'node:crypto';
import { decodeImage } from '../engine/image/decode.ts';
import { FacegraphError } from '../errors.ts';
import type { Upload } from '../faces/gallery/galleries.ts';
import { builder } from './builder.ts';
import { admitImage } from './operation/admission.ts';
import { currentRequest, measure } from './operation/request.ts';

/** How a client sends an image. */
export const ImageInput = builder.inputType('ImageInput', {
  description:
    'A JPEG or PNG photograph, in one of two ways. At most 10 MB and 40 megapixels, unless the server is set otherwise; EXIF orientation is applied.',
  isOneOf: true,
  fields: (t) => ({
    file: t.field({
      type: 'File',
      description: 'A file part of a multipart request: the cheap way.',
    }),
    base64: t.string({ description: 'The bytes of the file in base64, without a `data:` prefix.' }),
  }),
});

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Reads and decodes what a client sent.
 * @throws FacegraphError `InvalidInput` for what is neither a file nor base64, `ImageTooLarge`,
 *   `UnsupportedImage`, `RateLimited`.
 */
export async function readImage(input: typeof ImageInput.$inferInput): Promise<Upload> {
  const request = currentRequest();
  if (!request) throw new Error('an image is read outside of a request');
  const { maxImageBytes: maxBytes, maxImagePixels: maxPixels } = request.limits;
  const bytes = await readBytes(input, maxBytes);
  admitImage(request, bytes);
  const image = await measure('decode', 1, request.observe, () =>
    decodeImage(bytes, { maxBytes, maxPixels }),
  );
  return { image, hash: createHash('sha256').update(bytes).digest('hex') };
}

async function readBytes(
  { file, base64 }: typeof ImageInput.$inferInput,
  maxBytes: number,
): Promise<Uint8Array> {
  if (base64 != null) {
    if (base64.length > (maxBytes * 4) / 3 + 4) throw tooLarge(maxBytes);
    if (!BASE64.test(base64) || base64.length % 4 !== 0)
      throw new FacegraphError('InvalidInput', 'image.base64 is not base64');
    return Buffer.from(base64, 'base64');
  }
  // The scalar lets anything through: without a multipart map a variable may hold a string.
  if (typeof file?.arrayBuffer !== 'function')
    throw new FacegraphError('InvalidInput', 'image.file is not a file part of the request');
  if (file.size > maxBytes) throw tooLarge(maxBytes);
  return new Uint8Array(await file.arrayBuffer());
}

function tooLarge(maxBytes: number): FacegraphError {
  return new FacegraphError('ImageTooLarge', `the image has more than ${maxBytes / 1e6} MB`);
}
