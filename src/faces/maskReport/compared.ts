import type { Gallery, PrismaClient } from '../../generated/prisma/client.ts';
import type { MaskProbe, MaskSubject } from '../evaluation/maskComparisons.ts';
import { rowsOf } from '../gallery/rows.ts';
import { fromBytes } from '../gallery/vector.ts';

/** A face of somebody with and without a mask; `masked` is null where it was lost. */
export interface ComparedFace extends MaskProbe {
  readonly identity: string;
  readonly plain: Float32Array;
}

/** The faces that a job has looked for under their masks, in the order of its sample. */
export async function drawnFaces(
  db: PrismaClient,
  gallery: Gallery,
  jobId: string,
): Promise<ComparedFace[]> {
  const drawn = await db.maskedFace.findMany({
    where: { jobId, drawn: true },
    orderBy: { place: 'asc' },
    include: { face: { select: { identityId: true, imageHash: true } } },
  });
  const ids = drawn.map(({ faceId }) => faceId);
  const rows = await rowsOf(db, gallery, ids);
  const embeddings = new Map(rows.map(({ faceId, embedding }) => [faceId, embedding]));
  return drawn.flatMap(({ faceId, mask, vector, face: { identityId, imageHash } }) => {
    const plain = embeddings.get(faceId);
    // It was taken from its person, or embedded anew meanwhile.
    if (!plain || identityId === null) return [];
    const worn = { masked: vector && fromBytes(vector), mask: mask as MaskProbe['mask'] };
    return [{ identity: identityId, path: imageHash, plain, ...worn }];
  });
}

/** The people of these faces, of whom the first face is enrolled and the others are probes. */
export function subjectsOf(faces: readonly ComparedFace[]): MaskSubject[] {
  const people = new Map<string, ComparedFace[]>();
  for (const face of faces) {
    const theirs = people.get(face.identity);
    if (theirs) theirs.push(face);
    else people.set(face.identity, [face]);
  }
  return [...people].map(([identity, [enrolled, ...others]]) => ({
    identity,
    enrolled,
    probes: others.filter(({ path }) => path !== enrolled.path),
  }));
}
