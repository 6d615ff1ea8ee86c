import { readHeader } from '../../engine/image/header.ts';
import type { Gallery, Prisma } from '../../generated/prisma/client.ts';

/**
 * Stores the photograph of a face where the gallery keeps them. The database deletes it with the last
 * face that was enrolled from it.
 * @param hash SHA-256 of the file, hexadecimal.
 * @param bytes a JPEG or PNG.
 */
export async function keepImage(
  tx: Prisma.TransactionClient,
  { id: galleryId, keepImages }: Gallery,
  hash: string,
  bytes: Uint8Array,
): Promise<void> {
  if (!keepImages) return;
  const mediaType = `image/${readHeader(bytes).format}`;
  const data = { galleryId, hash, mediaType, bytes: new Uint8Array(bytes) };
  await tx.storedImage.createMany({ data: [data], skipDuplicates: true });
}
