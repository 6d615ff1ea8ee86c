import type { Face } from '../../generated/prisma/client.ts';
import { cosineDistance } from '../distance.ts';
import type { Service } from '../gallery/galleries.ts';
import { findGallery, type GalleryBy } from '../gallery/store.ts';
import { mean } from '../gallery/template.ts';
import { fromBytes } from '../gallery/vector.ts';
import { findJob } from '../jobs/jobs.ts';
import { densityGroups, type Item, type Link } from './density.ts';

/** Faces that seem to be one person's. */
export interface Cluster {
  /** Nearest to the middle of them first. */
  readonly faces: readonly Face[];
  /** Mean cosine distance of the faces from their middle. */
  readonly tightness: number;
}

/** People proposed out of the unassigned faces of a gallery. */
export interface Clusters {
  /** Cosine distance within which two faces are neighbours. */
  readonly threshold: number;
  /** Unassigned faces that were looked at. */
  readonly considered: number;
  /** Groups found, of which `clusters` holds the first. */
  readonly found: number;
  /** Largest first. */
  readonly clusters: readonly Cluster[];
}

export interface ClusterOptions {
  /** Groups that are returned. */
  readonly first: number;
  /** Faces that make a person, 2 to 50. */
  readonly minSize: number;
  /** Cosine distance within which two faces are neighbours; the gallery's, else its model's, when absent. */
  readonly threshold?: number | null;
}

interface Row extends Item {
  readonly embedding: Float32Array;
}

/** Faces looked at, the oldest first: those that nobody wants are deleted or assigned, and the next come in. */
const MAX_FACES = 10_000;
/** Neighbours of a face that count: more than any `minSize`, and a bound on the links. */
const NEIGHBOURS = 64;
/** Faces whose neighbours are searched at once. */
const BATCH = 256;

/** Whose unassigned faces: those of a gallery, or those that a bulk job entered. */
export type ClusterSource = { readonly gallery: GalleryBy } | { readonly jobId: string };

/**
 * Proposes people out of the faces of a gallery or job that are nobody's; each gets one face of a
 * photograph at most. The same faces give the same answer. Nothing is changed.
 * @throws FacegraphError `GalleryNotFound`, `JobNotFound`, `ModelUnavailable`, and those of the engine.
 */
export async function proposePeople(
  service: Service,
  source: ClusterSource,
  { first, minSize, ...options }: ClusterOptions,
): Promise<Clusters> {
  const { db, engine } = service;
  const job = 'jobId' in source ? await findJob(service, source.jobId) : null;
  const by = 'gallery' in source ? source.gallery : { id: job?.galleryId };
  const { id, model, threshold: own } = await findGallery(service, by);
  const threshold = options.threshold ?? own ?? (await engine.embedder(model)).threshold;
  const rows = await unassignedRows(service, { galleryId: id, jobId: job?.id }, model);
  const links = await linksWithin(service, id, rows, threshold);
  const groups = densityGroups(rows, links, minSize);
  const chosen = groups.slice(0, first).map((group) => aroundMiddle(group.map((i) => rows[i])));
  const ids = chosen.flatMap(({ sorted }) => sorted.map((row) => row.id));
  const faces = await db.face.findMany({ where: { id: { in: ids } } });
  const faceOf = new Map(faces.map((face) => [face.id, face]));
  return {
    threshold,
    considered: rows.length,
    found: groups.length,
    clusters: chosen.map(({ sorted, tightness }) => ({
      // One that was deleted meanwhile is left out.
      faces: sorted.flatMap((row) => faceOf.get(row.id) ?? []),
      tightness,
    })),
  };
}

async function unassignedRows(
  { db }: Service,
  of: { galleryId: string; jobId?: string },
  model: string,
): Promise<Row[]> {
  const rows = await db.embedding.findMany({
    where: { model, face: { ...of, identityId: null } },
    orderBy: { faceId: 'asc' },
    take: MAX_FACES,
    include: { face: { select: { imageHash: true } } },
  });
  return rows.map(({ faceId, vector, face }) => ({
    id: faceId,
    photograph: face.imageHash,
    embedding: fromBytes(vector),
  }));
}

async function linksWithin(
  { indexes }: Service,
  galleryId: string,
  rows: readonly Row[],
  threshold: number,
): Promise<Link[]> {
  const placeOf = new Map(rows.map(({ id }, place) => [id, place]));
  const links: Link[] = [];
  for (let from = 0; from < rows.length; from += BATCH) {
    const probes = rows.slice(from, from + BATCH).map(({ embedding }) => embedding);
    // One more, for each face is its own nearest.
    const found = await indexes.nearest(galleryId, probes, NEIGHBOURS + 1, 'unassigned');
    for (const [i, hits] of found.entries())
      for (const { id, distance } of hits) {
        // A face that came or went meanwhile is not among the rows.
        const [a, b] = [from + i, placeOf.get(id)];
        if (b !== undefined && b !== a && distance <= threshold) links.push({ a, b, distance });
      }
  }
  return links;
}

function aroundMiddle(rows: readonly Row[]): { sorted: Row[]; tightness: number } {
  const middle = mean(rows.map(({ embedding }) => embedding));
  const placed = rows.map((row) => ({ row, distance: cosineDistance(row.embedding, middle) }));
  placed.sort((a, b) => a.distance - b.distance);
  const sum = placed.reduce((total, { distance }) => total + distance, 0);
  return { sorted: placed.map(({ row }) => row), tightness: sum / rows.length };
}
