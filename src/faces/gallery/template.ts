import { modelOf } from '../../engine/weights/revision.ts';
import { type Gallery, Prisma } from '../../generated/prisma/client.ts';
import { cosineDistance } from '../distance.ts';
import { fromBytes, toBytes } from './vector.ts';

/** People whose templates are made in one go. */
const PAGE = 200;

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
  return mean(kept);
}

/** The mean of at least one L2-normalised embedding, normalised again; of opposites the first. */
export function mean(embeddings: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(embeddings[0].length);
  for (const embedding of embeddings) for (let i = 0; i < sum.length; i++) sum[i] += embedding[i];
  const norm = Math.hypot(...sum);
  return norm > 0 ? sum.map((value) => value / norm) : embeddings[0];
}

/**
 * Cosine distance from which an embedding counts as an outlier: the model's own, so that a template
 * does not change with the gallery's threshold.
 */
export function outlierThreshold({ model }: Pick<Gallery, 'model'>): number {
  return modelOf(model).model.threshold!;
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

/** Writes the templates of everybody in a gallery anew, out of their embeddings by `model`. */
export async function refreshTemplates(
  tx: Prisma.TransactionClient,
  galleryId: string,
  model: string,
): Promise<void> {
  await tx.identity.updateMany({ where: { galleryId }, data: { template: null } });
  const threshold = outlierThreshold({ model });
  for (let after = ''; ; ) {
    const people = await tx.identity.findMany({
      where: { galleryId, id: { gt: after }, faces: { some: {} } },
      orderBy: { id: 'asc' },
      take: PAGE,
      select: { id: true },
    });
    if (people.length === 0) return;
    after = people[people.length - 1].id;
    const rows = await tx.embedding.findMany({
      where: { model, face: { identityId: { in: people.map(({ id }) => id) } } },
      orderBy: { faceId: 'asc' },
      select: { vector: true, face: { select: { identityId: true } } },
    });
    const vectors = new Map<string, Float32Array[]>();
    for (const { vector, face } of rows) {
      const of = vectors.get(face.identityId!) ?? [];
      vectors.set(face.identityId!, [...of, fromBytes(vector)]);
    }
    const values = [...vectors].map(
      ([id, of]) => Prisma.sql`(${id}, ${toBytes(template(of, threshold)!)}::bytea)`,
    );
    // One statement a page: one a person takes minutes where there are many.
    if (values.length > 0)
      await tx.$executeRaw`
        UPDATE "Identity" SET "template" = made."template"
        FROM (VALUES ${Prisma.join(values)}) AS made("id", "template")
        WHERE "Identity"."id" = made."id"`;
  }
}

function withoutOutliers(embeddings: readonly Float32Array[], threshold: number): Float32Array[] {
  const distances = embeddings.map((a) => embeddings.map((b) => cosineDistance(a, b)));
  const sums = distances.map((row) => row.reduce((sum, d) => sum + d, 0));
  const medoid = sums.indexOf(Math.min(...sums));
  return embeddings.filter((_, i) => distances[medoid][i] <= threshold);
}
