import { createHash } from 'node:crypto';
import type { Engine } from '../engine/engine.ts';
import { checkImage, decodeImage, type ImageLimits } from '../engine/image/decode.ts';
import type { Image } from '../engine/image/image.ts';
import { FacegraphError } from '../errors.ts';
import type { KeptFace, Upload } from '../faces/search/probe.ts';
import { redeem } from '../faces/search/tokens.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { admitImage } from './operation/admission.ts';
import { currentRequest, measure } from './operation/request.ts';

/** How a client sends an image. */
export const ImageInput = builder.inputType('ImageInput', {
  description:
    'A JPEG or PNG photograph of at most 10 MB and 40 megapixels, unless the server is set otherwise (EXIF orientation is applied), or a face of an earlier one; by one of the ways.',
  isOneOf: true,
  fields: (t) => ({
    file: t.field({
      type: 'File',
      description: 'A file part of a multipart request: the cheap way.',
    }),
    base64: t.string({ description: 'The bytes of the file in base64, without a `data:` prefix.' }),
    token: t.string({
      description: 'The `token` of a face, where a face is enough. The same key must have got it.',
    }),
  }),
});

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** An image as an input of this schema gives it: by one of the ways. */
export interface ImageBy {
  readonly file?: File | null;
  readonly base64?: string | null;
  readonly token?: string | null;
}

/**
 * Reads and decodes a photograph that a client sent, once it has its place among what waits for the
 * GPU; the place is the request's until it is used.
 * @throws FacegraphError `InvalidInput` for what is neither a file nor base64, `ImageTooLarge`,
 *   `UnsupportedImage`, `RateLimited`, `EngineBusy`.
 */
export async function readImage(
  input: ImageBy,
  { engine }: Pick<Context, 'engine'>,
): Promise<Upload> {
  const request = here();
  const { maxImageBytes: maxBytes, maxImagePixels: maxPixels } = request.limits;
  const bytes = await readImageBytes(input);
  admitImage(request, bytes);
  const image = await decodeAdmitted(engine, bytes, { maxBytes, maxPixels });
  return { image, bytes, hash: createHash('sha256').update(bytes).digest('hex') };
}

/**
 * Reads and decodes a photograph, or finds a face again by its token.
 * @throws FacegraphError `TokenInvalid`, and those of `readImage`.
 */
export async function readFace(
  { token, ...photograph }: ImageBy,
  { db, key, engine }: Pick<Context, 'db' | 'key' | 'engine'>,
): Promise<Upload | KeptFace> {
  if (token == null || !key) return readImage(photograph, { engine });
  return redeem(db, key.id, token, (crop, limits) => decodeAdmitted(engine, crop, limits));
}

/** What tells a photograph from others in a request; of a face of one, which face it is too. */
export function shownBy(source: Upload | KeptFace): unknown {
  return 'face' in source ? { hash: source.hash, box: source.face.box } : source.hash;
}

/**
 * Reads a photograph as a client sent it without decoding it.
 * @throws FacegraphError `InvalidInput`, `ImageTooLarge`.
 */
export async function readImageBytes({ file, base64, token }: ImageBy): Promise<Uint8Array> {
  if (token != null)
    throw new FacegraphError('InvalidInput', 'image.token is a face: a photograph is needed here');
  const { maxImageBytes: maxBytes } = here().limits;
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

async function decodeAdmitted(
  engine: Engine,
  bytes: Uint8Array,
  limits: ImageLimits,
): Promise<Image> {
  const { observe, held } = here();
  const { image, release } = await engine.admit(checkImage(bytes, limits), (gone) =>
    measure('decode', 1, observe, () => decodeImage(bytes, limits, gone)),
  );
  held.push(release);
  return image;
}

function here() {
  const request = currentRequest();
  if (!request) throw new Error('an image is read outside of a request');
  return request;
}

function tooLarge(maxBytes: number): FacegraphError {
  return new FacegraphError('ImageTooLarge', `the image has more than ${maxBytes / 1e6} MB`);
}
