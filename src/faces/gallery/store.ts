import type { Face } from '../../engine/face.ts';
import { FacegraphError } from '../../errors.ts';
import {
  type Gallery,
  type Identity,
  Prisma,
  type PrismaClient,
} from '../../generated/prisma/client.ts';

/** How a client names a gallery: one of the two. */
export interface GalleryBy {
  readonly id?: string | null;
  readonly name?: string | null;
}

/** A person to be entered into a gallery. */
export interface NewIdentity {
  readonly name: string;
  /** The person's key in the client's own system, unique in the gallery. */
  readonly externalId?: string | null;
}

/** What is kept of one enrolled face. */
export interface NewFace {
  readonly face: Face;
  /** SHA-256 of the uploaded file. */
  readonly imageHash: string;
  readonly embedding: Float32Array;
}

/** One row of the search index as the database holds it. */
export interface StoredEmbedding {
  readonly faceId: string;
  readonly identityId: string;
  readonly galleryId: string;
  readonly embedding: Float32Array;
}

/** @throws FacegraphError `GalleryNotFound`. */
export async function findGallery(db: PrismaClient, by: GalleryBy): Promise<Gallery> {
  const where = by.id ? { id: by.id } : { name: by.name ?? '' };
  const gallery = await db.gallery.findUnique({ where });
  if (!gallery)
    throw new FacegraphError('GalleryNotFound', `no gallery ${by.name ?? 'of this id'}`);
  return gallery;
}

/** @throws FacegraphError `IdentityNotFound`. */
export async function findIdentity(db: PrismaClient, id: string): Promise<Identity> {
  const identity = await db.identity.findUnique({ where: { id } });
  if (!identity) throw new FacegraphError('IdentityNotFound', 'no identity of this id');
  return identity;
}

/** @throws FacegraphError `NameTaken`. */
export async function insertGallery(
  db: PrismaClient,
  data: { name: string; model: string; threshold?: number | null },
): Promise<Gallery> {
  return db.gallery.create({ data }).catch((error) => {
    throw violates(error, 'P2002')
      ? new FacegraphError('NameTaken', `there is a gallery ${data.name} already`)
      : error;
  });
}

/** @throws FacegraphError `NameTaken` for the external id, `GalleryNotFound`. */
export async function insertIdentity(
  db: PrismaClient | Prisma.TransactionClient,
  galleryId: string,
  { name, externalId }: NewIdentity,
): Promise<Identity> {
  return db.identity.create({ data: { galleryId, name, externalId } }).catch((error) => {
    if (violates(error, 'P2002'))
      throw new FacegraphError('NameTaken', `the gallery has an identity ${externalId} already`);
    throw violates(error, 'P2003')
      ? new FacegraphError('GalleryNotFound', 'the gallery was deleted meanwhile')
      : error;
  });
}

/**
 * Enters a face, and its identity where that is new, in one transaction.
 * @throws FacegraphError `DuplicateFace` with `details.faceId` when the gallery holds this face of
 *   this photograph already, `NameTaken`, `IdentityNotFound`, `GalleryNotFound`.
 */
export async function insertFace(
  db: PrismaClient,
  galleryId: string,
  identity: { id: string } | NewIdentity,
  { face, imageHash, embedding }: NewFace,
): Promise<{ id: string; identityId: string }> {
  const box = [...face.box];
  return db.$transaction(async (tx) => {
    const existing = await tx.face.findFirst({
      where: { imageHash, box: { equals: box }, identity: { galleryId } },
    });
    if (existing)
      throw new FacegraphError(
        'DuplicateFace',
        'this face of this photograph is enrolled already',
        {
          faceId: existing.id,
        },
      );
    const { id: identityId } =
      'id' in identity ? identity : await insertIdentity(tx, galleryId, identity);
    const { leftEye, rightEye, nose, mouthLeft, mouthRight } = face.landmarks;
    return tx.face
      .create({
        data: {
          identityId,
          box,
          landmarks: [leftEye, rightEye, nose, mouthLeft, mouthRight].flat(),
          confidence: face.confidence,
          imageHash,
          embedding: { create: { vector: toBytes(embedding) } },
        },
        select: { id: true, identityId: true },
      })
      .catch((error) => {
        if (violates(error, 'P2002'))
          throw new FacegraphError('DuplicateFace', 'this face was enrolled by another process');
        throw violates(error, 'P2003')
          ? new FacegraphError('IdentityNotFound', 'the identity was deleted meanwhile')
          : error;
      });
  });
}

/** Every embedding of the database, page by page in the order of enrolment. */
export async function* embeddings(
  db: PrismaClient,
  pageSize: number,
): AsyncGenerator<StoredEmbedding[]> {
  for (let after = ''; ; ) {
    const page = await db.embedding.findMany({
      where: { faceId: { gt: after } },
      orderBy: { faceId: 'asc' },
      take: pageSize,
      include: {
        face: { select: { identityId: true, identity: { select: { galleryId: true } } } },
      },
    });
    if (page.length === 0) return;
    after = page[page.length - 1].faceId;
    yield page.map(({ faceId, vector, face }) => ({
      faceId,
      identityId: face.identityId,
      galleryId: face.identity.galleryId,
      embedding: fromBytes(vector),
    }));
  }
}

/** Whether a database error is a violation with this Prisma code. */
export function violates(error: unknown, code: 'P2002' | 'P2003' | 'P2025'): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === code;
}

// Little-endian f32, which is how every platform that Node runs WebGPU on stores them.
function toBytes(embedding: Float32Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Float32Array.from(embedding).buffer);
}

function fromBytes(vector: Uint8Array): Float32Array {
  return new Float32Array(vector.slice().buffer);
}
