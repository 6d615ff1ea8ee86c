import type { Embedder } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import { FacegraphError } from '../../errors.ts';
import type { Gallery } from '../../generated/prisma/client.ts';
import { type Judge, judgeOf, type Rule } from '../calibration/rule.ts';
import { findGallery, type GalleryBy } from '../gallery/store.ts';
import { loadPeople, type Person } from './people.ts';
import { embedProbe, faceProbeOf, type KeptFace, type Probe, type Upload } from './probe.ts';
import { recordSearch, type Searcher } from './searcher.ts';
import type { Search } from './searchLog.ts';

/** How galleries are searched. */
export interface SearchOptions {
  /** People per face. */
  readonly top: number;
  /** Cosine distance; see `judgeOf` when absent. */
  readonly threshold?: number | null;
  readonly rankBy: 'face' | 'template';
  /** Ids of identities that are passed over. */
  readonly exclude?: readonly string[] | null;
}

/** The people near one face. */
export interface Found {
  /** Distinct people, nearest first, whether they match or not. */
  readonly candidates: readonly Person[];
  /** The nearest person where the decision is a match; null is an explicit "unknown". */
  readonly match: Person | null;
}

/** Galleries that can be searched together, and how. */
export interface Searched {
  readonly galleries: readonly Gallery[];
  readonly model: string;
  readonly rule: Rule;
}

/** Every face of a probe with the people near it. */
export interface PeopleIdentified extends Searched {
  readonly probe: Probe;
  readonly faces: readonly (Found & { readonly face: Face })[];
}

/** The people near one embedding. */
export interface EmbeddingFound extends Searched, Found {}

/**
 * Compares every face of a probe with everybody in one or several galleries.
 * @throws FacegraphError `GalleryNotFound`, `ModelMismatch` for galleries of several models,
 *   `NoFaceFound`, `ModelUnavailable`, and those of the engine.
 */
export async function identifyPeople(
  service: Searcher,
  by: readonly GalleryBy[],
  source: Upload | KeptFace,
  options: SearchOptions,
): Promise<PeopleIdentified> {
  const { searched, judge, embedder } = await findSearched(service, by, options);
  const probe = await faceProbeOf(service.engine, source);
  const embeddings = await embedProbe(embedder, probe, probe.faces);
  const found = await searchPeople(service, searched, judge, embeddings, options);
  record(service, searched, found, { kind: 'IDENTIFY', imageHashes: [probe.hash] });
  return {
    ...searched,
    probe,
    faces: found.map((people, i) => ({ ...people, face: probe.faces[i] })),
  };
}

/**
 * Compares an embedding that was made elsewhere with everybody in one or several galleries. Its
 * length does not matter, only its direction.
 * @throws FacegraphError `GalleryNotFound`, `ModelMismatch` for an embedding with another number of
 *   values than the galleries' model makes, `InvalidInput` for one that has no direction.
 */
export async function searchByEmbedding(
  service: Searcher,
  by: readonly GalleryBy[],
  values: readonly number[],
  options: SearchOptions,
): Promise<EmbeddingFound> {
  const { searched, judge, embedder } = await findSearched(service, by, options);
  const embedding = normalised(values, embedder);
  const [found] = await searchPeople(service, searched, judge, [embedding], options);
  record(service, searched, [found], { kind: 'SEARCH_BY_EMBEDDING', imageHashes: [] });
  return { ...searched, ...found };
}

async function findSearched(
  service: Searcher,
  by: readonly GalleryBy[],
  options: SearchOptions,
): Promise<{ searched: Searched; judge: Judge; embedder: Embedder }> {
  const all = await Promise.all(by.map((one) => findGallery(service, one)));
  const galleries = [...new Map(all.map((gallery) => [gallery.id, gallery])).values()];
  const models = [...new Set(galleries.map(({ model }) => model))];
  if (models.length > 1)
    throw new FacegraphError(
      'ModelMismatch',
      `the galleries are of several models: ${models.join(', ')}`,
    );
  const [model] = models;
  const embedder = await service.engine.embedder(model);
  const comparisons = galleries.reduce((sum, { id }) => sum + service.indexes.size(id), 0);
  const { threshold, rankBy } = options;
  const compared = { model, galleries, comparisons, rankBy, threshold };
  const judge = await judgeOf(service.db, compared, embedder.threshold);
  return { searched: { galleries, model, rule: judge.rule }, judge, embedder };
}

async function searchPeople(
  { db, indexes }: Searcher,
  { galleries, rule }: Searched,
  judge: Judge,
  probes: readonly Float32Array[],
  { top, rankBy, exclude }: SearchOptions,
): Promise<Found[]> {
  // The margin of the nearest is the distance to the second.
  const wanted = Math.max(top, 2);
  const { threshold } = rule;
  const options = { top: wanted, threshold, rankBy, exclude: new Set(exclude) };
  const answers = await Promise.all(
    galleries.map(({ id }) => indexes.identify(id, probes, options)),
  );
  const ranked = probes.map((_, p) =>
    answers
      .flatMap((answer) => answer[p].candidates)
      .sort((a, b) => a.distance - b.distance)
      .slice(0, wanted),
  );
  const people = await loadPeople(db, ranked.flat(), judge);
  return ranked.map((some) => {
    const candidates = people(some).slice(0, top);
    const [best] = candidates;
    return { candidates, match: best?.decision === 'MATCH' ? best : null };
  });
}

function record(
  service: Searcher,
  { galleries, model, rule }: Searched,
  found: readonly Found[],
  search: Pick<Search, 'kind' | 'imageHashes'>,
): void {
  recordSearch(service, {
    ...search,
    galleryIds: galleries.map(({ id }) => id),
    model,
    threshold: rule.threshold,
    faces: found.map(({ candidates: [best], match }) => ({
      identityId: best?.identity.id ?? null,
      galleryId: best?.identity.galleryId ?? null,
      distance: best?.distance ?? null,
      match: match !== null,
    })),
  });
}

function normalised(values: readonly number[], { model, dimensions }: Embedder): Float32Array {
  if (values.length !== dimensions)
    throw new FacegraphError(
      'ModelMismatch',
      `an embedding by ${model} has ${dimensions} values, this one ${values.length}`,
    );
  const norm = Math.hypot(...values);
  const unit = Float32Array.from(values, (value) => value / norm);
  if (!unit.every(Number.isFinite))
    throw new FacegraphError('InvalidInput', 'the embedding is zero or not finite');
  return unit;
}
