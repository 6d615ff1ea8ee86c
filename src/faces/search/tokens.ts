import { createHash, randomBytes } from 'node:crypto';
import type { Face } from '../../engine/face.ts';
import { decodeImage, type ImageLimits } from '../../engine/image/decode.ts';
import { packPng } from '../../engine/image/encode.ts';
import type { Image } from '../../engine/image/image.ts';
import { cut, surroundings } from '../../engine/surroundings.ts';
import { FacegraphError } from '../../errors.ts';
import type { Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import { faceFromRow, landmarkValues } from '../gallery/faceRow.ts';
import type { KeptFace, Upload } from './probe.ts';

/** What a client gets in place of its photograph. */
export interface Token {
  readonly secret: string;
  readonly expiresAt: Date;
}

/** How long a token may be used. */
const LIFETIME_MS = 600_000;
/** How often expired tokens are deleted. */
const SWEEP_MS = 60_000;
/** Pixels of the largest crop that is kept: a face of about 2000 pixels, 10 to 15 MB as PNG. */
const MAX_PIXELS = 8_000_000;

/**
 * Keeps one face of an upload for later calls by the same key, whichever model those ask for.
 * @returns null when the face is too large to be kept.
 */
export async function keepFace(
  db: PrismaClient,
  keyId: string,
  { image, hash }: Upload,
  face: Face,
): Promise<Token | null> {
  const region = surroundings(face, image);
  const [x, y, width, height] = region;
  if (width * height > MAX_PIXELS) return null;
  const secret = `ft_${randomBytes(32).toString('base64url')}`;
  const expiresAt = new Date(Date.now() + LIFETIME_MS);
  await db.faceToken.create({
    data: {
      id: hashed(secret),
      keyId,
      expiresAt,
      box: [...face.box],
      landmarks: landmarkValues(face),
      confidence: face.confidence,
      imageHash: hash,
      imageSize: [image.width, image.height],
      origin: [x, y],
      crop: new Uint8Array(await packPng(cut(image, region))),
    },
  });
  return { secret, expiresAt };
}

/**
 * The face that a token stands for.
 * @param decode decodes what was kept of its photograph.
 * @throws FacegraphError `TokenInvalid` for one that is unknown, expired or another key's.
 */
export async function redeem(
  db: PrismaClient,
  keyId: string,
  secret: string,
  decode: (crop: Uint8Array, limits: ImageLimits) => Promise<Image> = decodeImage,
): Promise<KeptFace> {
  const row = await db.faceToken.findFirst({
    where: { id: hashed(secret), keyId, expiresAt: { gt: new Date() } },
  });
  if (!row)
    throw new FacegraphError('TokenInvalid', 'the token is unknown, expired or of another key');
  const [width, height] = row.imageSize;
  const [x, y] = row.origin;
  return {
    face: faceFromRow(row),
    // Our own file, which may be larger than what clients may send.
    image: await decode(row.crop, {
      maxBytes: Number.MAX_SAFE_INTEGER,
      maxPixels: MAX_PIXELS,
    }),
    origin: [x, y],
    width,
    height,
    hash: row.imageHash,
  };
}

/** Deletes the tokens of faces of some photographs, for whoever erases a person. */
export async function forgetTokens(
  db: Prisma.TransactionClient,
  imageHashes: readonly string[],
): Promise<number> {
  const { count } = await db.faceToken.deleteMany({
    where: { imageHash: { in: [...imageHashes] } },
  });
  return count;
}

/** Deletes every token that can be used no more. */
export async function deleteExpiredTokens(db: PrismaClient): Promise<void> {
  await db.faceToken.deleteMany({ where: { expiresAt: { lte: new Date() } } });
}

/**
 * Deletes expired tokens now and every minute.
 * @param failed called when the database could not be asked; it is asked again.
 * @returns a function that stops.
 */
export function sweepTokens(
  db: PrismaClient,
  failed: (error: unknown) => void,
): () => Promise<void> {
  let sweeping: Promise<unknown> = Promise.resolve();
  const sweep = () => {
    sweeping = sweeping.then(() => deleteExpiredTokens(db)).catch(failed);
  };
  sweep();
  const timer = setInterval(sweep, SWEEP_MS);
  return async () => {
    clearInterval(timer);
    await sweeping;
  };
}

// A plain hash is enough: the secret has 256 random bits and cannot be guessed.
function hashed(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
