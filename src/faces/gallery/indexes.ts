import type { Engine, SearchIndex } from '../../engine/engine.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { type Identification, type IdentifyOptions, identify } from '../identify.ts';
import { embeddings, type StoredEmbedding } from './store.ts';

/** The embeddings of every gallery, resident on the GPU beside the identity of each face. */
export interface Indexes {
  /** Faces that can be found, in one gallery or altogether. */
  size(galleryId?: string): number;
  add(row: StoredEmbedding): void;
  removeFace(galleryId: string, faceId: string): void;
  removeIdentity(galleryId: string, identityId: string): void;
  removeGallery(galleryId: string): void;
  /** The nearest identities of each probe; `face.id` is the enrolled face that is nearest. */
  identify(
    galleryId: string,
    probes: readonly Float32Array[],
    options: IdentifyOptions,
  ): Promise<Identification<KnownRow>[]>;
  /** Frees the GPU memory. */
  destroy(): void;
}

/** What the index knows of a face. */
export interface KnownRow {
  readonly id: string;
  readonly identity: string;
}

interface GalleryIndex {
  readonly index: SearchIndex;
  readonly known: Map<string, KnownRow>;
}

const PAGE = 500;

/**
 * Loads every embedding of the database into search indexes, one per gallery.
 * @param progress called after each page with the number of faces loaded so far.
 */
export async function loadIndexes(
  db: PrismaClient,
  engine: Engine,
  progress: (faces: number) => void,
): Promise<Indexes> {
  const indexes = createIndexes(engine);
  for await (const page of embeddings(db, PAGE)) {
    for (const row of page) indexes.add(row);
    progress(indexes.size());
  }
  return indexes;
}

function createIndexes(engine: Engine): Indexes {
  const galleries = new Map<string, GalleryIndex>();

  const open = (galleryId: string, dimensions: number): GalleryIndex => {
    const gallery = galleries.get(galleryId) ?? {
      index: engine.index(dimensions),
      known: new Map(),
    };
    galleries.set(galleryId, gallery);
    return gallery;
  };

  const remove = (galleryId: string, unwanted: (row: KnownRow) => boolean): void => {
    const gallery = galleries.get(galleryId);
    for (const row of gallery?.known.values() ?? []) {
      if (!unwanted(row)) continue;
      gallery?.index.remove(row.id);
      gallery?.known.delete(row.id);
    }
  };

  return {
    size: (galleryId) =>
      [...galleries]
        .filter(([id]) => galleryId === undefined || id === galleryId)
        .reduce((sum, [, { known }]) => sum + known.size, 0),
    add: ({ galleryId, faceId, identityId, embedding }) => {
      const { index, known } = open(galleryId, embedding.length);
      index.add(faceId, embedding);
      known.set(faceId, { id: faceId, identity: identityId });
    },
    removeFace: (galleryId, faceId) => remove(galleryId, (row) => row.id === faceId),
    removeIdentity: (galleryId, identityId) =>
      remove(galleryId, (row) => row.identity === identityId),
    removeGallery: (galleryId) => {
      galleries.get(galleryId)?.index.destroy();
      galleries.delete(galleryId);
    },
    identify: async (galleryId, probes, options) => {
      const gallery = galleries.get(galleryId);
      if (!gallery) return probes.map(() => ({ candidates: [], match: null }));
      return identify(gallery.index, gallery.known, probes, options);
    },
    destroy: () => {
      for (const { index } of galleries.values()) index.destroy();
      galleries.clear();
    },
  };
}
