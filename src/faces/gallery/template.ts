import { manifest } from '../../engine/weights/manifest.ts';
import type { Gallery, Prisma } from '../../generated/prisma/client.ts';
import { cosineDistance } from '../distance.ts';
import { fromBytes, toBytes } from './vector.ts';

/**
 * The template of a person: the mean of the L2-normalised embeddings, normalised again. Of three and
 * more, those farther than `threshold` from the one in their middle (the medoid) count as outliers,
 * somebody else's face or a bad crop, and are left out.
 * @returns undefined for no embedding.
 */
export function template(
  embeddings: readonly Float32Array[],
  threshold: number,
): Float32Array | undefined {
  if (embeddings.length === 0) return undefined;
  const kept = embeddings.length < 3 ? embeddings : withoutOutliers(embeddings, threshold);
  const sum = new Float32Array(embeddings[0].length);
  for (const embedding of kept) for (let i = 0; i < sum.length; i++) sum[i] += embedding[i];
  const norm = Math.hypot(...sum);
  return norm > 0 ? sum.map((value) => value / norm) : embeddings[0];
}

/** Cosine distance from which an embedding counts as an outlier in this gallery. */
export function outlierThreshold({
  model,
  threshold,
}: Pick<Gallery, 'model' | 'threshold'>): number {
  return threshold ?? manifest(model).threshold!;
}

/** Writes the template of an identity anew, out of its embeddings by the gallery's model. */
export async function refreshTemplate(
  tx: Prisma.TransactionClient,
  gallery: Gallery,
  identityId: string,
): Promise<void> {
  const rows = await tx.embedding.findMany({
    where: { model: gallery.model, face: { identityId } },
    orderBy: { faceId: 'asc' },
  });
  const made = template(
    rows.map(({ vector }) => fromBytes(vector)),
    outlierThreshold(gallery),
  );
  await tx.identity.updateMany({
    where: { id: identityId },
    data: { template: made ? toBytes(made) : null },
  });
}

function withoutOutliers(embeddings: readonly Float32Array[], threshold: number): Float32Array[] {
  const distances = embeddings.map((a) => embeddings.map((b) => cosineDistance(a, b)));
  const sums = distances.map((row) => row.reduce((sum, d) => sum + d, 0));
  const medoid = sums.indexOf(Math.min(...sums));
  return embeddings.filter((_, i) => distances[medoid][i] <= threshold);
}
