import type { Engine, SearchIndex } from '../../engine/engine.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { type Identification, type IdentifyOptions, identify } from '../identify.ts';
import {
  changesSince,
  type FaceRow,
  faceRows,
  type GalleryHead,
  galleryHead,
  galleryHeads,
  rowsOf,
  templates,
} from './rows.ts';
import { serialiser } from './serially.ts';
import {
  countVectors,
  databaseIndex,
  fillVectors,
  hasVectors,
  type VectorCounts,
} from './vectors.ts';

/**
 * The embeddings of every gallery, following the database: resident on the GPU and compared exactly,
 * or in the database where a gallery is large and pgvector is there.
 */
export interface Indexes {
  /** Whether galleries may be searched in the database; whoever changes one must then keep it there. */
  readonly inDatabase: boolean;
  /** Faces that can be found, in one gallery or altogether. */
  size(galleryId?: string): number;
  /** Brings the index of one gallery to what the database holds now. */
  follow(galleryId: string): Promise<void>;
  /** Follows every gallery that is behind, and forgets those that are gone. */
  followAll(progress?: (faces: number) => void): Promise<void>;
  /**
   * Moves galleries that have outgrown the GPU into the database, where they stay. It takes long, and
   * they answer from the GPU meanwhile.
   */
  promote(): Promise<void>;
  /** The nearest identities of each probe, as of the last `follow`. */
  identify(
    galleryId: string,
    probes: readonly Float32Array[],
    options: GalleryIdentifyOptions,
  ): Promise<Identification<KnownRow>[]>;
  /** The `k` nearest faces of each probe, nearest first, as of the last `follow`. */
  nearest(
    galleryId: string,
    probes: readonly Float32Array[],
    k: number,
    among: 'all' | 'unassigned',
  ): Promise<Hit[][]>;
  /** Frees the GPU memory. */
  destroy(): void;
}

export interface GalleryIdentifyOptions extends IdentifyOptions {
  /** What of a person is compared: the nearest face, or the template. */
  readonly rankBy: 'face' | 'template';
}

/** What the index knows of a row; `id` is a face's, or the identity's own where templates are ranked. */
export interface KnownRow {
  readonly id: string;
  readonly identity: string;
}

/** A face near a probe. */
export interface Hit {
  readonly id: string;
  /** Cosine distance. */
  readonly distance: number;
}

/** One set of rows to be ranked. */
interface Ranked {
  readonly format: 'f32' | 'f16';
  /** Made with the first row, which says how long an embedding is. */
  index?: SearchIndex;
  /** Empty for faces of nobody known. */
  readonly known: Map<string, KnownRow>;
}

interface GalleryIndex {
  readonly model: string;
  version: number;
  readonly face: Ranked;
  readonly template: Ranked;
  /** Faces of nobody known: apart, so that they cannot crowd people out of a search. */
  readonly unassigned: Ranked;
  /** Set where people are searched in the database: then `face` and `template` are empty. */
  inDatabase?: VectorCounts;
}

/** Where galleries are searched. */
export interface IndexOptions {
  /** Faces up to which a gallery stays on the GPU; absent where the database cannot search. */
  readonly exactLimit?: number;
}

const PAGE = 2000;
/**
 * Faces from which a gallery's rows are f16 when it is loaded: it then takes half the memory and three
 * quarters of the time, for distances that may differ by 0.0005.
 */
const HALF_FROM = 100_000;

/** Indexes without a row; `followAll` loads them. */
export function createIndexes(
  db: PrismaClient,
  engine: Engine,
  { exactLimit }: IndexOptions = {},
): Indexes {
  const galleries = new Map<string, GalleryIndex>();
  const serially = serialiser();

  const put = (ranked: Ranked, id: string, identity: string | null, embedding: Float32Array) => {
    ranked.index ??= engine.index(embedding.length, ranked.format);
    ranked.index.add(id, embedding);
    if (identity) ranked.known.set(id, { id, identity });
  };

  const replace = (
    ranked: Ranked,
    id: string,
    row: Pick<FaceRow, 'identityId' | 'embedding'> | undefined,
  ) => {
    if (row) return put(ranked, id, row.identityId, row.embedding);
    ranked.index?.remove(id);
    ranked.known.delete(id);
  };

  const place = (gallery: GalleryIndex, id: string, row: FaceRow | undefined) => {
    const { face, unassigned, inDatabase } = gallery;
    if (!inDatabase) replace(face, id, row?.identityId ? row : undefined);
    replace(unassigned, id, row?.identityId ? undefined : row);
  };

  const load = async (head: GalleryHead, progress?: (faces: number) => void) => {
    const faces = await db.face.count({ where: { galleryId: head.id } });
    const format = faces < HALF_FROM ? 'f32' : 'f16';
    const made: GalleryIndex = {
      model: head.model,
      version: head.version,
      face: { format, known: new Map() },
      template: { format, known: new Map() },
      unassigned: { format, known: new Map() },
    };
    if (exactLimit !== undefined && (await hasVectors(db, head)))
      made.inDatabase = await countVectors(db, head.id);
    const among = made.inDatabase ? 'unassigned' : 'all';
    for await (const page of faceRows(db, head, PAGE, among)) {
      for (const row of page) place(made, row.faceId, row);
      progress?.(size() + made.face.known.size);
    }
    if (!made.inDatabase)
      for (const [id, template] of await templates(db, head.id))
        put(made.template, id, id, template);
    // The old index has answered until now.
    discard(galleries.get(head.id));
    galleries.set(head.id, made);
  };

  const advance = async (gallery: GalleryIndex, head: GalleryHead): Promise<boolean> => {
    const changes = await changesSince(db, head.id, gallery.version);
    if (!changes) return false;
    const { known } = gallery.face;
    const rows = new Map<string, FaceRow>();
    for (let from = 0; from < changes.faceIds.length; from += PAGE)
      for (const row of await rowsOf(db, head, changes.faceIds.slice(from, from + PAGE)))
        rows.set(row.faceId, row);
    if (gallery.inDatabase) {
      // Where it fell behind there, it is read onto the GPU again.
      if (!(await hasVectors(db, head))) return false;
      gallery.inDatabase = await countVectors(db, head.id);
      for (const id of changes.faceIds) place(gallery, id, rows.get(id));
      gallery.version = changes.version;
      return true;
    }
    const identities = new Set<string>();
    for (const id of changes.faceIds)
      for (const identity of [known.get(id)?.identity, rows.get(id)?.identityId])
        if (identity) identities.add(identity);
    const found = await templates(db, head.id, [...identities]);
    // All at once, so that nobody sees faces without their templates.
    for (const id of changes.faceIds) place(gallery, id, rows.get(id));
    for (const id of identities) {
      const embedding = found.get(id);
      replace(gallery.template, id, embedding && { identityId: id, embedding });
    }
    gallery.version = changes.version;
    return true;
  };

  const follow = (galleryId: string, progress?: (faces: number) => void) =>
    serially(galleryId, async () => {
      const head = await galleryHead(db, galleryId);
      const gallery = galleries.get(galleryId);
      if (!head) {
        discard(gallery);
        galleries.delete(galleryId);
      } else if (gallery?.model !== head.model || gallery.version > head.version) {
        // Of a deleted gallery when it is ahead: its id has been imported again.
        await load(head, progress);
      } else if (gallery.version < head.version && !(await advance(gallery, head)))
        await load(head, progress);
    });

  const size = (galleryId?: string) =>
    [...galleries]
      .filter(([id]) => galleryId === undefined || id === galleryId)
      .reduce((sum, [, gallery]) => sum + facesOf(gallery), 0);

  const ranked = (galleryId: string, rankBy: 'face' | 'template') => {
    const gallery = galleries.get(galleryId);
    return gallery?.inDatabase
      ? databaseIndex(db, galleryId, rankBy, gallery.inDatabase[rankBy])
      : gallery?.[rankBy];
  };

  return {
    inDatabase: exactLimit !== undefined,
    size,
    follow: (galleryId) => follow(galleryId),
    async followAll(progress) {
      const heads = new Map((await galleryHeads(db)).map((head) => [head.id, head.version]));
      const behind = (id: string) => galleries.get(id)?.version !== heads.get(id);
      const ids = new Set([...heads.keys(), ...galleries.keys()]);
      for (const id of [...ids].filter(behind)) await follow(id, progress);
    },
    async identify(galleryId, probes, { rankBy, ...options }) {
      const { index, known } = ranked(galleryId, rankBy) ?? {};
      if (!index || !known) return probes.map(() => ({ candidates: [], match: null }));
      return identify(index, known, probes, options);
    },
    async nearest(galleryId, probes, k, among) {
      const unassigned = galleries.get(galleryId)?.unassigned;
      const wanted = among === 'all' ? [ranked(galleryId, 'face'), unassigned] : [unassigned];
      const indexes = wanted.flatMap((rows) => rows?.index ?? []);
      const found = await Promise.all(indexes.map((index) => index.search(probes, k)));
      return probes.map((_, p) =>
        found
          .flatMap((hits) => hits[p])
          .sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1))
          .slice(0, k)
          .map(({ id, distance }) => ({ id, distance: Math.max(0, distance) })),
      );
    },
    async promote() {
      for (const [id, gallery] of [...galleries]) {
        if (exactLimit === undefined || gallery.inDatabase) continue;
        if (gallery.face.known.size <= exactLimit) continue;
        await fillVectors(db, id);
        await serially(id, async () => {
          const head = await galleryHead(db, id);
          if (head) await load(head);
        });
      }
    },
    destroy() {
      for (const gallery of galleries.values()) discard(gallery);
      galleries.clear();
    },
  };
}

function facesOf({ face, inDatabase }: GalleryIndex): number {
  return inDatabase ? inDatabase.face : face.known.size;
}

function discard(gallery: GalleryIndex | undefined) {
  gallery?.face.index?.destroy();
  gallery?.template.index?.destroy();
  gallery?.unassigned.index?.destroy();
}
