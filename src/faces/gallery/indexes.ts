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

/** The embeddings of every gallery, resident on the GPU, following the database. */
export interface Indexes {
  /** Faces that can be found, in one gallery or altogether. */
  size(galleryId?: string): number;
  /** Brings the index of one gallery to what the database holds now. */
  follow(galleryId: string): Promise<void>;
  /** Follows every gallery that is behind, and forgets those that are gone. */
  followAll(progress?: (faces: number) => void): Promise<void>;
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
}

const PAGE = 500;

/** Indexes without a row; `followAll` loads them. */
export function createIndexes(db: PrismaClient, engine: Engine): Indexes {
  const galleries = new Map<string, GalleryIndex>();
  const serially = serialiser();

  const put = (ranked: Ranked, id: string, identity: string | null, embedding: Float32Array) => {
    ranked.index ??= engine.index(embedding.length);
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

  const place = ({ face, unassigned }: GalleryIndex, id: string, row: FaceRow | undefined) => {
    replace(face, id, row?.identityId ? row : undefined);
    replace(unassigned, id, row?.identityId ? undefined : row);
  };

  const load = async (head: GalleryHead, progress?: (faces: number) => void) => {
    const made: GalleryIndex = {
      model: head.model,
      version: head.version,
      face: { known: new Map() },
      template: { known: new Map() },
      unassigned: { known: new Map() },
    };
    for await (const page of faceRows(db, head, PAGE)) {
      for (const row of page) place(made, row.faceId, row);
      progress?.(size() + made.face.known.size);
    }
    for (const [id, template] of await templates(db, head.id)) put(made.template, id, id, template);
    // The old index has answered until now.
    discard(galleries.get(head.id));
    galleries.set(head.id, made);
  };

  const advance = async (gallery: GalleryIndex, head: GalleryHead): Promise<boolean> => {
    const changes = await changesSince(db, head.id, gallery.version);
    if (!changes) return false;
    const { known } = gallery.face;
    const identities = new Set<string>();
    for (let from = 0; from < changes.faceIds.length; from += PAGE) {
      const ids = changes.faceIds.slice(from, from + PAGE);
      const rows = new Map((await rowsOf(db, head, ids)).map((row) => [row.faceId, row]));
      for (const id of ids)
        for (const identity of [known.get(id)?.identity, rows.get(id)?.identityId])
          if (identity) identities.add(identity);
      for (const id of ids) place(gallery, id, rows.get(id));
    }
    const found = await templates(db, head.id, [...identities]);
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
      } else if (gallery?.model === head.model && gallery.version >= head.version) return;
      else if (gallery?.model !== head.model || !(await advance(gallery, head)))
        await load(head, progress);
    });

  const size = (galleryId?: string) =>
    [...galleries]
      .filter(([id]) => galleryId === undefined || id === galleryId)
      .reduce((sum, [, { face }]) => sum + face.known.size, 0);

  return {
    size,
    follow: (galleryId) => follow(galleryId),
    async followAll(progress) {
      const heads = new Map((await galleryHeads(db)).map((head) => [head.id, head.version]));
      const behind = (id: string) => galleries.get(id)?.version !== heads.get(id);
      const ids = new Set([...heads.keys(), ...galleries.keys()]);
      for (const id of [...ids].filter(behind)) await follow(id, progress);
    },
    async identify(galleryId, probes, { rankBy, ...options }) {
      const { index, known } = galleries.get(galleryId)?.[rankBy] ?? {};
      if (!index || !known) return probes.map(() => ({ candidates: [], match: null }));
      return identify(index, known, probes, options);
    },
    async nearest(galleryId, probes, k, among) {
      const { face, unassigned } = galleries.get(galleryId) ?? {};
      const indexes = (among === 'all' ? [face, unassigned] : [unassigned]).flatMap(
        (ranked) => ranked?.index ?? [],
      );
      const found = await Promise.all(indexes.map((index) => index.search(probes, k)));
      return probes.map((_, p) =>
        found
          .flatMap((hits) => hits[p])
          .sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1))
          .slice(0, k)
          .map(({ id, distance }) => ({ id, distance: Math.max(0, distance) })),
      );
    },
    destroy() {
      for (const gallery of galleries.values()) discard(gallery);
      galleries.clear();
    },
  };
}

function discard(gallery: GalleryIndex | undefined) {
  gallery?.face.index?.destroy();
  gallery?.template.index?.destroy();
  gallery?.unassigned.index?.destroy();
}
