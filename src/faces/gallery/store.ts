import type { Face as DetectedFace } from '../../engine/face.ts';
import { FacegraphError } from '../../errors.ts';
import type {
  Face,
  Gallery,
  Identity,
  Prisma,
  PrismaClient,
} from '../../generated/prisma/client.ts';
import { violates } from '../database/violates.ts';
import type { QualityLimits } from '../quality/limits.ts';
import type { Quality } from '../quality/quality.ts';
import { landmarkValues, qualityColumns } from './faceRow.ts';
import { keepImage } from './images.ts';
import { limitsColumn } from './settings.ts';
import { toBytes } from './vector.ts';

/** How a client names a gallery: one of the two. */
export interface GalleryBy {
  readonly id?: string | null;
  readonly name?: string | null;
}

/** A gallery to be made. */
export interface NewGallery {
  readonly name: string;
  readonly model: string;
  readonly threshold?: number | null;
  readonly keepImages?: boolean;
  /** Days after which a face is deleted; never when null or absent. */
  readonly retentionDays?: number | null;
  /** What a face must reach; what is absent or null is the standard. */
  readonly quality?: QualityLimits | null;
  /** A stranger's chance to be found to be somebody that calibrated thresholds keep. */
  readonly falseHitRate?: number | null;
}

/** A person to be entered into a gallery. */
export interface NewIdentity {
  readonly name: string;
  /** The person's key in the client's own system, unique in the gallery. */
  readonly externalId?: string | null;
  readonly labels?: readonly string[] | null;
  readonly consent?: Consent | null;
}

/** Why and how long a person's data may be held. */
export interface Consent {
  readonly basis: string;
  /** Now when absent. */
  readonly recordedAt?: Date | null;
  /** No end when absent. */
  readonly expiresAt?: Date | null;
}

/** A person as the database holds it. */
export interface PersonColumns {
  readonly name: string;
  readonly externalId?: string | null;
  readonly labels?: string[];
  readonly consentBasis?: string | null;
  readonly consentRecordedAt?: Date | null;
  readonly consentExpiresAt?: Date | null;
}

/** What is kept of one enrolled face. */
export interface NewFace {
  readonly face: DetectedFace;
  /** Absent where it was not measured. */
  readonly quality?: Quality;
  /** SHA-256 of the uploaded file. */
  readonly imageHash: string;
  /** The photograph as it was sent; null when only its face is at hand, by a token. */
  readonly bytes: Uint8Array | null;
  readonly embedding: Float32Array;
  /** The bulk job that enters it. */
  readonly jobId?: string;
}

/** Where to look, and which galleries may be seen. */
export interface Access {
  readonly db: PrismaClient | Prisma.TransactionClient;
  /** Ids of galleries; null: all. */
  readonly galleries: readonly string[] | null;
}

/** Keeps a query for galleries to those that may be seen. */
export function visible({ galleries }: Pick<Access, 'galleries'>): { id?: { in: string[] } } {
  return galleries ? { id: { in: [...galleries] } } : {};
}

/** @throws FacegraphError `GalleryNotFound`, for one that may not be seen too. */
export async function findGallery(access: Access, by: GalleryBy): Promise<Gallery> {
  const which = by.id ? { id: by.id } : { name: by.name ?? '' };
  const gallery = await access.db.gallery.findFirst({ where: { AND: [which, visible(access)] } });
  if (!gallery)
    throw new FacegraphError('GalleryNotFound', `no gallery ${by.name ?? 'of this id'}`);
  return gallery;
}

/** @throws FacegraphError `IdentityNotFound`. */
export async function findIdentity(access: Access, id: string): Promise<Identity> {
  const where = { id, gallery: visible(access) };
  const identity = await access.db.identity.findFirst({ where });
  if (!identity) throw new FacegraphError('IdentityNotFound', 'no identity of this id');
  return identity;
}

/** @throws FacegraphError `FaceNotFound`. */
export async function findFace(access: Access, id: string): Promise<Face> {
  const where = { id, gallery: visible(access) };
  const face = await access.db.face.findFirst({ where });
  if (!face) throw new FacegraphError('FaceNotFound', 'no face of this id');
  return face;
}

/** @throws FacegraphError `NameTaken`. */
export async function insertGallery(
  db: PrismaClient | Prisma.TransactionClient,
  { quality, ...data }: NewGallery,
): Promise<Gallery> {
  const qualityLimits = limitsColumn(quality ?? undefined);
  return db.gallery.create({ data: { ...data, qualityLimits } }).catch((error) => {
    throw violates(error, 'P2002')
      ? new FacegraphError('NameTaken', `there is a gallery ${data.name} already`)
      : error;
  });
}

/** @throws FacegraphError `NameTaken` for the external id, `GalleryNotFound`. */
export async function insertIdentity(
  db: PrismaClient | Prisma.TransactionClient,
  galleryId: string,
  person: PersonColumns,
): Promise<Identity> {
  return db.identity.create({ data: { ...person, galleryId } }).catch((error) => {
    if (violates(error, 'P2002'))
      throw new FacegraphError(
        'NameTaken',
        `the gallery has an identity ${person.externalId} already`,
      );
    throw violates(error, 'P2003')
      ? new FacegraphError('GalleryNotFound', 'the gallery was deleted meanwhile')
      : error;
  });
}

/**
 * Enters a face, and its identity where that is new; a face of nobody known without one.
 * @throws FacegraphError `DuplicateFace` with `details.faceId` when the gallery holds this face of
 *   this photograph already, `NameTaken`, `IdentityNotFound`.
 */
export async function insertFace(
  tx: Prisma.TransactionClient,
  gallery: Gallery,
  identity: { id: string } | PersonColumns | null,
  { face, quality, imageHash, bytes, embedding, jobId }: NewFace,
): Promise<{ id: string; identityId: string | null }> {
  const { id: galleryId, model } = gallery;
  const box = [...face.box];
  const existing = await tx.face.findFirst({
    where: { galleryId, imageHash, box: { equals: box } },
    select: { id: true },
  });
  if (existing)
    throw new FacegraphError('DuplicateFace', 'this face of this photograph is enrolled already', {
      faceId: existing.id,
    });
  const identityId =
    identity && ('id' in identity ? identity : await insertIdentity(tx, galleryId, identity)).id;
  if (bytes) await keepImage(tx, gallery, imageHash, bytes);
  return tx.face
    .create({
      data: {
        galleryId,
        identityId,
        box,
        landmarks: landmarkValues(face),
        confidence: face.confidence,
        ...(quality && qualityColumns(quality)),
        imageHash,
        jobId,
        embeddings: { create: { model, vector: toBytes(embedding) } },
      },
      select: { id: true, identityId: true },
    })
    .catch((error) => {
      throw violates(error, 'P2003')
        ? new FacegraphError('IdentityNotFound', 'the identity was deleted meanwhile')
        : error;
    });
}
