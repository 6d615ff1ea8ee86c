import { randomInt } from 'node:crypto';
import { FacegraphError } from '../../errors.ts';
import type { Gallery, Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import { violates } from '../database/violates.ts';
import type { Indexes } from './indexes.ts';
import { type Once, transact } from './once.ts';
import { refreshTemplate } from './template.ts';
import { changeVectors } from './vectors.ts';

/** What a change touched; whoever makes one says so. */
export interface Touched {
  /** Faces that came, went or moved to another identity. */
  readonly faces: Set<string>;
  /** Identities that have other faces than before. */
  readonly identities: Set<string>;
}

/** PostgreSQL's channel on which the ids of changed galleries are announced. */
export const CHANNEL = 'facegraph_gallery';

/**
 * Changes the faces of a gallery in one transaction, after all changes begun before it, in whatever
 * process. When this returns, the search index of this process has followed; those of others follow
 * by notification.
 * @param timeout milliseconds that the transaction may take; the database's own limit when absent.
 * @throws FacegraphError `GalleryNotFound`, and whatever `change` throws; then nothing is changed.
 */
export async function changeFaces<T>(
  service: { readonly db: PrismaClient; readonly indexes: Indexes; readonly once?: Once },
  galleryId: string,
  change: (tx: Prisma.TransactionClient, touched: Touched, gallery: Gallery) => Promise<T>,
  timeout?: number,
): Promise<T> {
  const result = await transact(
    service,
    async (tx) => {
      const gallery = await nextVersion(tx, galleryId);
      const touched: Touched = { faces: new Set(), identities: new Set() };
      const value = await change(tx, touched, gallery);
      for (const id of touched.identities) await refreshTemplate(tx, gallery, id);
      if (service.indexes.inDatabase) await changeVectors(tx, gallery, touched);
      const { version } = gallery;
      const faceIds = [...touched.faces];
      await tx.galleryChange.create({ data: { galleryId, version, faceIds } });
      await announce(tx, galleryId);
      return value;
    },
    timeout,
  );
  await service.indexes.follow(galleryId);
  return result;
}

/**
 * Makes a gallery that holds faces from the start, in one transaction: nobody sees it half filled.
 * @param fill enters identities with their templates, faces and embeddings.
 * @param timeout milliseconds.
 * @throws whatever `fill` throws, and the database for an id or name that is taken.
 */
export async function enterGallery(
  { db, indexes }: { readonly db: PrismaClient; readonly indexes: Indexes },
  data: Prisma.GalleryUncheckedCreateInput,
  fill: (tx: Prisma.TransactionClient, gallery: Gallery) => Promise<void>,
  timeout: number,
): Promise<Gallery> {
  const gallery = await db.$transaction(
    async (tx) => {
      // A process may still hold the index of a deleted gallery with this id, at any version.
      const made = await tx.gallery.create({ data: { ...data, version: randomInt(1 << 30) } });
      await fill(tx, made);
      await announce(tx, made.id);
      return made;
    },
    { timeout },
  );
  await indexes.follow(gallery.id);
  return gallery;
}

/** Tells every process that a gallery is not what it was, once the transaction commits. */
export async function announce(
  tx: Pick<PrismaClient, '$executeRaw'>,
  galleryId: string,
): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, ${galleryId})`;
}

// The update also locks the gallery's row until the transaction ends, so that versions are in the
// order of commits and without gaps.
function nextVersion(tx: Prisma.TransactionClient, id: string): Promise<Gallery> {
  return tx.gallery
    .update({ where: { id }, data: { version: { increment: 1 } } })
    .catch((error) => {
      throw violates(error, 'P2025')
        ? new FacegraphError('GalleryNotFound', 'no gallery of this id')
        : error;
    });
}
