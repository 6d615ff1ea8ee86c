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
  return mean(withoutOutliers(embeddings, threshold));
}

/**
 * How far each face of a person is from the others: the cosine distance of its embedding from the mean
 * of those, outliers left out as in a template. Of a face that is nobody else's it is small.
 * @returns null for an only face.
 */
export function apartness(
  embeddings: readonly Float32Array[],
  threshold: number,
): (number | null)[] {
  if (embeddings.length < 2) return embeddings.map(() => null);
  const kept = withoutOutliers(embeddings, threshold);
  const typical = new Set(kept);
  const [ofKept, ofAll] = [sum(kept), sum(embeddings)];
  return embeddings.map((embedding) => {
    // Where it alone is typical, the others are all there is.
    const alone = kept.length === 1 && typical.has(embedding);
    const others = alone ? ofAll : ofKept;
    const itself = alone || typical.has(embedding);
    const rest = itself ? others.map((value, i) => value - embedding[i]) : others;
    return cosineDistance(embedding, normalised(rest) ?? embedding);
  });
}

/** The mean of at least one L2-normalised embedding, normalised again; of opposites the first. */
export function mean(embeddings: readonly Float32Array[]): Float32Array {
  return normalised(sum(embeddings)) ?? embeddings[0];
}

function sum(embeddings: readonly Float32Array[]): Float32Array {
  const total = new Float32Array(embeddings[0].length);
  for (const embedding of embeddings)
    for (let i = 0; i < total.length; i++) total[i] += embedding[i];
  return total;
}

function normalised(vector: Float32Array): Float32Array | undefined {
  const norm = Math.hypot(...vector);
  return norm > 0 ? vector.map((value) => value / norm) : undefined;
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
  const embeddings = rows.map(({ vector }) => fromBytes(vector));
  const threshold = outlierThreshold(gallery);
  const made = template(embeddings, threshold);
  await tx.identity.updateMany({
    where: { id: identityId },
    data: { template: made ? toBytes(made) : null },
  });
  await writeApartness(
    tx,
    rows.map(({ faceId }) => faceId),
    apartness(embeddings, threshold),
  );
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
      select: { vector: true, faceId: true, face: { select: { identityId: true } } },
    });
    const vectors = new Map<string, { faceIds: string[]; embeddings: Float32Array[] }>();
    for (const { vector, faceId, face } of rows) {
      const of = vectors.get(face.identityId!) ?? { faceIds: [], embeddings: [] };
      of.faceIds.push(faceId);
      of.embeddings.push(fromBytes(vector));
      vectors.set(face.identityId!, of);
    }
    const values = [...vectors].map(
      ([id, { embeddings }]) =>
        Prisma.sql`(${id}, ${toBytes(template(embeddings, threshold)!)}::bytea)`,
    );
    const all = [...vectors.values()];
    await writeApartness(
      tx,
      all.flatMap(({ faceIds }) => faceIds),
      all.flatMap(({ embeddings }) => apartness(embeddings, threshold)),
    );
    // One statement a page: one a person takes minutes where there are many.
    if (values.length > 0)
      await tx.$executeRaw`
        UPDATE "Identity" SET "template" = made."template"
        FROM (VALUES ${Prisma.join(values)}) AS made("id", "template")
        WHERE "Identity"."id" = made."id"`;
  }
}

/** In one statement, however many faces a person has. */
async function writeApartness(
  tx: Prisma.TransactionClient,
  faceIds: readonly string[],
  values: readonly (number | null)[],
): Promise<void> {
  if (faceIds.length === 0) return;
  const made = Prisma.sql`unnest(${[...faceIds]}::text[], ${values.map(String)}::text[])`;
  await tx.$executeRaw`
    UPDATE "Face" SET "apart" = NULLIF(made."apart", 'null')::float8
    FROM ${made} AS made("id", "apart") WHERE "Face"."id" = made."id"`;
}

function withoutOutliers(
  embeddings: readonly Float32Array[],
  threshold: number,
): readonly Float32Array[] {
  if (embeddings.length < 3) return embeddings;
  const distances = embeddings.map((a) => embeddings.map((b) => cosineDistance(a, b)));
  const sums = distances.map((row) => row.reduce((sum, d) => sum + d, 0));
  const medoid = sums.indexOf(Math.min(...sums));
  return embeddings.filter((_, i) => distances[medoid][i] <= threshold);
}
