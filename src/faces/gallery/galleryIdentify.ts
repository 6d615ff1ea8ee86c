import type { Face } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { FacegraphError } from '../../errors.ts';
import type {
  Gallery,
  Identity,
  PrismaClient,
  Face as StoredFace,
} from '../../generated/prisma/client.ts';
import type { Identification } from '../identify.ts';
import type { Service, Upload } from './galleries.ts';
import type { KnownRow } from './indexes.ts';
import * as store from './store.ts';

/** Somebody of the gallery who is near a probe face. */
export interface Person {
  readonly identity: Identity;
  /** The person's enrolled face that is nearest. */
  readonly face: StoredFace;
  /** Cosine distance. */
  readonly distance: number;
}

/** One face of a probe image. */
export interface ProbeFace {
  readonly face: Face;
  /** Distinct people, nearest first, whether they match or not. */
  readonly candidates: readonly Person[];
  /** The nearest person within the threshold; null is an explicit "unknown". */
  readonly match: Person | null;
}

/** Every face of a probe image with the people near it. */
export interface GalleryIdentification {
  readonly gallery: Gallery;
  readonly threshold: number;
  readonly image: Image;
  readonly faces: readonly ProbeFace[];
}

/**
 * Compares every face of an image with everybody in a gallery.
 * @param threshold cosine distance; the gallery's own, or its model's, when absent.
 * @throws FacegraphError `GalleryNotFound`, `NoFaceFound`, `ModelUnavailable`, and those of the engine.
 */
export async function identifyInGallery(
  { db, engine, indexes }: Service,
  by: store.GalleryBy,
  { image }: Upload,
  { top, threshold: asked }: { top: number; threshold?: number | null },
): Promise<GalleryIdentification> {
  const gallery = await store.findGallery(db, by);
  const embedder = await engine.embedder(gallery.model);
  const threshold = asked ?? gallery.threshold ?? embedder.threshold;
  const faces = await engine.detect(image);
  if (faces.length === 0) throw new FacegraphError('NoFaceFound', 'no face in the image');
  const probes = await embedder.embed(image, faces);
  const answers = await indexes.identify(gallery.id, probes, { top, threshold });
  const people = await loadPeople(db, answers);
  return {
    gallery,
    threshold,
    image,
    faces: faces.map((face, i) => ({ face, ...people(answers[i]) })),
  };
}

// One query for all candidates. Somebody deleted between search and query is passed over.
async function loadPeople(db: PrismaClient, answers: readonly Identification<KnownRow>[]) {
  const ids = new Set(answers.flatMap(({ candidates }) => candidates.map(({ face }) => face.id)));
  const rows = await db.face.findMany({
    where: { id: { in: [...ids] } },
    include: { identity: true },
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ({ candidates, match }: Identification<KnownRow>) => {
    const people = candidates.flatMap(({ face: { id }, distance }) => {
      const face = byId.get(id);
      return face ? [{ identity: face.identity, face, distance }] : [];
    });
    return { candidates: people, match: people.find((p) => p.identity.id === match) ?? null };
  };
}
