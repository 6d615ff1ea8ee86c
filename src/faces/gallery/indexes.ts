import type { Engine } from '../../engine/engine.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { type Identification, type IdentifyOptions, identify } from '../identify.ts';
import { MASK_TEMPLATES, type MaskTemplate } from '../masks/templates.ts';
import {
  discard,
  drop,
  facesOf,
  type GalleryIndex,
  masksOf,
  place,
  put,
  type Ranked,
} from './galleryIndex.ts';
import { type Hit, type KnownRow, mergeHits, mergeIdentifications } from './ranked.ts';
import {
  changesSince,
  type FaceRow,
  faceRows,
  type GalleryHead,
  galleryHead,
  galleryHeads,
  maskRowsOf,
  rowsOf,
  templates,
} from './rows.ts';
import { serialiser } from './serially.ts';
import { countVectors, databaseIndex, fillVectors, hasVectors, type RowKind } from './vectors.ts';

/**
 * The embeddings of every gallery, following the database: resident on the GPU and compared exactly,
 * or in the database where a gallery is large and pgvector is there.
 */
export interface Indexes {
  /** Whether galleries may be searched in the database; whoever changes one must then keep it there. */
  readonly inDatabase: boolean;
  /** Faces that can be found, in one gallery or altogether. */
  size(galleryId?: string): number;
  /** How many of them are also compared under drawn masks. */
  maskedSize(galleryId: string): number;
  /** Embeddings that a probe is compared with: of the faces, and of what drawn masks make of them. */
  comparisons(galleryId: string): number;
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
  /**
   * The `k` nearest faces of each probe, nearest first, as of the last `follow`. Those of people are as
   * near as they or what drawn masks make of them.
   */
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
  /** Whether a face is as near as it or what a drawn mask makes of it; of templates there are none. */
  readonly masks?: boolean;
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

  const readMasks = async ({ inDatabase }: GalleryIndex, head: GalleryHead, page: FaceRow[]) =>
    inDatabase
      ? new Map<string, MaskTemplate[]>()
      : maskRowsOf(
          db,
          head,
          page.map(({ faceId }) => faceId),
        );

  const load = async (head: GalleryHead, progress?: (faces: number) => void) => {
    const ofGallery = { galleryId: head.id };
    const faces = await db.face.count({ where: ofGallery });
    const masks = await db.maskEmbedding.count({ where: { face: ofGallery } });
    const empty = (rows: number): Ranked => ({
      make: (length) => engine.index(length, rows < HALF_FROM ? 'f32' : 'f16'),
      known: new Map(),
    });
    const made: GalleryIndex = {
      model: head.model,
      version: head.version,
      face: empty(faces),
      template: empty(faces),
      mask: empty(masks),
      unassigned: empty(faces),
    };
    if (exactLimit !== undefined && (await hasVectors(db, head)))
      made.inDatabase = await countVectors(db, head.id);
    const among = made.inDatabase ? 'unassigned' : 'all';
    for await (const page of faceRows(db, head, PAGE, among)) {
      const drawn = await readMasks(made, head, page);
      for (const row of page) place(made, row.faceId, row, drawn.get(row.faceId));
      progress?.(size() + made.face.known.size);
    }
    if (!made.inDatabase)
      for (const [id, template] of await templates(db, head.id))
        put(made.template, id, template, { id, identity: id, mask: null });
    // The old index has answered until now.
    discard(galleries.get(head.id));
    galleries.set(head.id, made);
  };

  const advance = async (gallery: GalleryIndex, head: GalleryHead): Promise<boolean> => {
    const changes = await changesSince(db, head.id, gallery.version);
    if (!changes) return false;
    const { known } = gallery.face;
    const rows = new Map<string, FaceRow>();
    const drawn = new Map<string, MaskTemplate[]>();
    for (let from = 0; from < changes.faceIds.length; from += PAGE) {
      const page = await rowsOf(db, head, changes.faceIds.slice(from, from + PAGE));
      for (const row of page) rows.set(row.faceId, row);
      for (const [id, masks] of await readMasks(gallery, head, page)) drawn.set(id, masks);
    }
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
    for (const id of changes.faceIds) place(gallery, id, rows.get(id), drawn.get(id));
    for (const id of identities) {
      const embedding = found.get(id);
      if (embedding) put(gallery.template, id, embedding, { id, identity: id, mask: null });
      else drop(gallery.template, id);
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

  const ranked = (galleryId: string, kind: RowKind) => {
    const gallery = galleries.get(galleryId);
    return gallery?.inDatabase
      ? databaseIndex(db, galleryId, kind, gallery.inDatabase[kind])
      : gallery?.[kind];
  };

  const masked = (galleryId: string) => {
    const gallery = galleries.get(galleryId);
    return gallery ? masksOf(gallery) : 0;
  };

  return {
    inDatabase: exactLimit !== undefined,
    size,
    maskedSize: (galleryId) => masked(galleryId) / MASK_TEMPLATES,
    comparisons: (galleryId) => size(galleryId) + masked(galleryId),
    follow: (galleryId) => follow(galleryId),
    async followAll(progress) {
      const heads = new Map((await galleryHeads(db)).map((head) => [head.id, head.version]));
      const behind = (id: string) => galleries.get(id)?.version !== heads.get(id);
      const ids = new Set([...heads.keys(), ...galleries.keys()]);
      for (const id of [...ids].filter(behind)) await follow(id, progress);
    },
    async identify(galleryId, probes, { rankBy, masks = false, ...options }) {
      const kinds: RowKind[] = masks && rankBy === 'face' ? ['face', 'mask'] : [rankBy];
      const found = await Promise.all(
        kinds.flatMap((kind) => {
          const { index, known } = ranked(galleryId, kind) ?? {};
          return index && known ? [identify(index, known, probes, options)] : [];
        }),
      );
      return probes.map((_, p) =>
        mergeIdentifications(
          found.map((answers) => answers[p]),
          options,
        ),
      );
    },
    async nearest(galleryId, probes, k, among) {
      const nobodys = { rows: galleries.get(galleryId)?.unassigned, of: 1 };
      const everybodys = [
        { rows: ranked(galleryId, 'face'), of: 1 },
        { rows: ranked(galleryId, 'mask'), of: MASK_TEMPLATES },
      ];
      const wanted = among === 'all' ? [...everybodys, nobodys] : [nobodys];
      const found = await Promise.all(
        wanted.flatMap(({ rows, of }) => {
          if (!rows?.index) return [];
          const { index, known } = rows;
          // So many that k faces are among them, each with all its rows.
          return [index.search(probes, k * of).then((all) => ({ all, known }))];
        }),
      );
      return probes.map((_, p) =>
        mergeHits(
          found.map(({ all, known }) => ({ hits: all[p], known })),
          k,
        ),
      );
    },
    async promote() {
      for (const [id, gallery] of [...galleries]) {
        if (exactLimit === undefined || gallery.inDatabase) continue;
        if (facesOf(gallery) + masksOf(gallery) <= exactLimit) continue;
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
