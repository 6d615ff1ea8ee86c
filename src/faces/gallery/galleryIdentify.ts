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
  /** The person's enrolled face that is nearest; null where templates were ranked. */
  readonly face: StoredFace | null;
  /** Cosine distance. */
  readonly distance: number;
}

/** How a gallery is searched. */
export interface GalleryProbe {
  /** People per face. */
  readonly top: number;
  /** Cosine distance; the gallery's own, or its model's, when absent. */
  readonly threshold?: number | null;
  readonly rankBy: 'face' | 'template';
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
 * @throws FacegraphError `GalleryNotFound`, `NoFaceFound`, `ModelUnavailable`, and those of the engine.
 */
export async function identifyInGallery(
  service: Service,
  by: store.GalleryBy,
  { image }: Upload,
  { threshold: asked, ...options }: GalleryProbe,
): Promise<GalleryIdentification> {
  const { db, engine, indexes } = service;
  const gallery = await store.findGallery(service, by);
  const embedder = await engine.embedder(gallery.model);
  const threshold = asked ?? gallery.threshold ?? embedder.threshold;
  const faces = await engine.detect(image);
  if (faces.length === 0) throw new FacegraphError('NoFaceFound', 'no face in the image');
  const probes = await embedder.embed(image, faces);
  const answers = await indexes.identify(gallery.id, probes, { ...options, threshold });
  const people = await loadPeople(db, answers);
  return {
    gallery,
    threshold,
    image,
    faces: faces.map((face, i) => ({ face, ...people(answers[i]) })),
  };
}

// Two queries for all candidates. Somebody deleted between search and query is passed over.
async function loadPeople(db: PrismaClient, answers: readonly Identification<KnownRow>[]) {
  const rows = answers.flatMap(({ candidates }) => candidates.map(({ face }) => face));
  const [identities, faces] = await Promise.all([
    db.identity.findMany({ where: { id: { in: unique(rows.map((row) => row.identity)) } } }),
    db.face.findMany({ where: { id: { in: unique(rows.map((row) => row.id)) } } }),
  ]);
  const identityOf = new Map(identities.map((identity) => [identity.id, identity]));
  const faceOf = new Map(faces.map((face) => [face.id, face]));
  return ({ candidates, match }: Identification<KnownRow>) => {
    const people = candidates.flatMap(({ identity: id, face, distance }) => {
      const identity = identityOf.get(id);
      return identity ? [{ identity, face: faceOf.get(face.id) ?? null, distance }] : [];
    });
    return { candidates: people, match: people.find((p) => p.identity.id === match) ?? null };
  };
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
