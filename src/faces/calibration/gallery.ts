import { FacegraphError } from '../../errors.ts';
import { type Calibration, Prisma } from '../../generated/prisma/client.ts';
import { type GalleryHead, type Reader, rowsOf } from '../gallery/rows.ts';
import { compareFaces, type Progress } from './compare.ts';
import { currentFingerprint } from './fingerprint.ts';
import { type Measured, measure } from './measure.ts';
import { chooseFaces, type Owned, type Sample } from './sample.ts';

/** A calibration that is not stored yet. */
export interface NewCalibration extends Measured {
  readonly model: string;
  readonly seed: number;
  readonly identities: number;
  readonly faces: number;
}

/** A face of somebody. */
export interface OwnedFace extends Owned {
  readonly faceId: string;
}

/** Faces of which is read at once who they are; their embeddings are a hundred times as long. */
const PAGE = 10_000;
const EMBEDDINGS_AT_ONCE = 1000;

/** Keeps a query for rows of `Face` to those whose photograph is stored. */
export const STORED = Prisma.sql`EXISTS (
  SELECT 1 FROM "StoredImage" i WHERE i."galleryId" = "Face"."galleryId" AND i."hash" = "Face"."imageHash")`;

/**
 * Compares faces of a gallery with each other: those of one person for the false non-matches, those of
 * two people for the false matches, never two of one photograph. The sample is bounded, so that
 * galleries of every size take seconds.
 * @throws FacegraphError `TooFewFaces`.
 */
export async function measureGallery(
  db: Reader,
  gallery: Pick<GalleryHead, 'id' | 'model'>,
  seed: number,
  progress?: Progress,
): Promise<NewCalibration> {
  const sample = chooseFaces(await ownedFaces(db, gallery.id), seed);
  const embedded = await embeddedSample(db, gallery, sample);
  const scores = await compareFaces(embedded, progress);
  const faces = new Map(
    [...embedded.genuine.flat(), ...embedded.impostor].map((face) => [face.faceId, face.identity]),
  );
  return {
    ...measure(scores),
    model: gallery.model,
    seed,
    identities: new Set(faces.values()).size,
    faces: faces.size,
  };
}

/**
 * Puts a calibration in force. In a transaction.
 * @throws FacegraphError `GalleryNotFound`, `ModelMismatch` when the gallery has another model by now.
 */
export async function storeCalibration(
  tx: Prisma.TransactionClient,
  galleryId: string,
  { points, curve, ...made }: NewCalibration,
): Promise<Calibration> {
  await lockMeasured(tx, galleryId, made.model);
  await voidCalibrations(tx, galleryId);
  return tx.calibration.create({
    data: {
      ...made,
      galleryId,
      fingerprint: currentFingerprint(made.model),
      points: points as unknown as Prisma.InputJsonArray,
      curve: curve as unknown as Prisma.InputJsonArray,
    },
  });
}

/**
 * Locks a gallery for what was measured of it, so that of two results one comes after the other, and
 * after a change of the model or of the people. In a transaction.
 * @throws FacegraphError `GalleryNotFound`, `ModelMismatch` when the gallery has another model by now.
 */
export async function lockMeasured(
  tx: Prisma.TransactionClient,
  galleryId: string,
  model: string,
): Promise<void> {
  const [gallery] = await tx.$queryRaw<{ model: string }[]>`
    SELECT "model" FROM "Gallery" WHERE "id" = ${galleryId} FOR UPDATE`;
  if (!gallery) throw new FacegraphError('GalleryNotFound', 'the gallery was deleted meanwhile');
  if (gallery.model !== model)
    throw new FacegraphError('ModelMismatch', 'the gallery was embedded anew meanwhile');
}

/** Takes what is in force out of force: distances of another model are other distances. */
export async function voidCalibrations(
  tx: Prisma.TransactionClient,
  galleryId: string,
): Promise<void> {
  await tx.calibration.updateMany({
    where: { galleryId, voidedAt: null },
    data: { voidedAt: new Date() },
  });
}

/**
 * Every face of somebody, in the order of enrolment.
 * @param among `stored`: only those whose photograph is stored.
 */
export async function ownedFaces(
  db: Reader,
  galleryId: string,
  among: 'all' | 'stored' = 'all',
): Promise<OwnedFace[]> {
  const wanted = among === 'all' ? Prisma.empty : Prisma.sql`AND ${STORED}`;
  const faces: OwnedFace[] = [];
  for (let after = ''; ; ) {
    const page = await db.$queryRaw<OwnedFace[]>`
      SELECT "id" AS "faceId", "identityId" AS "identity", "imageHash" FROM "Face"
      WHERE "galleryId" = ${galleryId} AND "identityId" IS NOT NULL AND "id" > ${after} ${wanted}
      ORDER BY "id" LIMIT ${PAGE}`;
    if (page.length === 0) return faces;
    after = page[page.length - 1].faceId;
    faces.push(...page);
  }
}

// A face that was deleted meanwhile, or has no embedding by the model, is left out.
async function embeddedSample(
  db: Reader,
  gallery: Pick<GalleryHead, 'id' | 'model'>,
  { genuine, impostor }: Sample<OwnedFace>,
) {
  const ids = [...new Set([...genuine.flat(), ...impostor].map(({ faceId }) => faceId))];
  const embeddings = new Map<string, Float32Array>();
  for (let from = 0; from < ids.length; from += EMBEDDINGS_AT_ONCE)
    for (const row of await rowsOf(db, gallery, ids.slice(from, from + EMBEDDINGS_AT_ONCE)))
      embeddings.set(row.faceId, row.embedding);
  const embedded = (faces: readonly OwnedFace[]) =>
    faces.flatMap((face) => {
      const embedding = embeddings.get(face.faceId);
      return embedding ? [{ ...face, embedding }] : [];
    });
  return { genuine: genuine.map(embedded), impostor: embedded(impostor) };
}
