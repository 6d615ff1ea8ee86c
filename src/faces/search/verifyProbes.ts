import type { Embedder } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import { DEFAULT_MODELS } from '../../engine/weights/manifest.ts';
import { FacegraphError } from '../../errors.ts';
import type { Gallery, Identity, Face as StoredFace } from '../../generated/prisma/client.ts';
import type { Decision, FmrEstimate } from '../calibration/decide.ts';
import { type Judge, judgeOf, type Rule } from '../calibration/rule.ts';
import { cosineDistance, nearestPair } from '../distance.ts';
import { findGallery, findIdentity } from '../gallery/store.ts';
import { fromBytes } from '../gallery/vector.ts';
import { embedProbe, type KeptFace, type Probe, probeOf, type Upload } from './probe.ts';
import { recordSearch, type Searcher } from './searcher.ts';
import type { Search } from './searchLog.ts';

/** What is compared: a photograph, a face of an earlier one, or a person of a gallery. */
export type Side = Upload | KeptFace | { readonly identityId: string };

/** One face or person of the first side beside one of the second. */
export interface VerifiedPair {
  /** The detected faces; null for a person. */
  readonly a: Face | null;
  readonly b: Face | null;
  /** The person's enrolled face that is nearest; null for a detected face. */
  readonly aEnrolled: StoredFace | null;
  readonly bEnrolled: StoredFace | null;
  /** Cosine distance of the two faces. */
  readonly distance: number;
  /** The same with the person's template in place of the face; null where there is no person. */
  readonly templateDistance: number | null;
  readonly decision: Decision;
  /** How often strangers are as near as `distance`; null where nothing is known of that. */
  readonly fmr: FmrEstimate | null;
}

export interface ProbesVerified {
  readonly model: string;
  readonly rule: Rule;
  /** What the sides were; null for a person. */
  readonly a: Probe | null;
  readonly b: Probe | null;
  /** Every face or person of A with every one of B, nearest pair first. */
  readonly pairs: readonly VerifiedPair[];
}

interface Known {
  readonly identity: Identity;
  readonly gallery: Gallery;
}

/** Somebody on one side: a detected face has one row and no template. */
interface Somebody {
  readonly face: Face | null;
  readonly rows: readonly { enrolled: StoredFace | null; embedding: Float32Array }[];
  readonly template: Float32Array | null;
}

const [, DEFAULT_MODEL] = DEFAULT_MODELS;

/**
 * Compares every face of one side with every face of the other. A person counts as one, by the
 * enrolled face that is nearest; the distance to the template is told beside.
 * @param options model: that of a person's gallery, else the default one, when absent. threshold: a
 *   cosine distance; see `judgeOf` when absent.
 * @throws FacegraphError `NoFaceFound` with `details.image` 'a' or 'b', for a person without faces
 *   too; `IdentityNotFound`; `ModelMismatch` when the sides or `model` differ; `ModelUnavailable`,
 *   and those of the engine.
 */
export async function verifyProbes(
  service: Searcher,
  a: Side,
  b: Side,
  options: { readonly model?: string | null; readonly threshold?: number | null } = {},
): Promise<ProbesVerified> {
  const known = await Promise.all([a, b].map((side) => findKnown(service, side)));
  const galleries = known.flatMap((person) => person?.gallery ?? []);
  const model = oneModel(options.model, galleries);
  const embedder = await service.engine.embedder(model);
  const [left, right] = await Promise.all([
    load(service, embedder, a, known[0], 'a'),
    load(service, embedder, b, known[1], 'b'),
  ]);
  const judge = await judgeOf(
    service.db,
    {
      model,
      galleries,
      comparisons: [left, right].reduce((product, side) => product * facesOfOne(side), 1),
      rankBy: 'face',
      threshold: options.threshold,
    },
    embedder.threshold,
  );
  const galleryId = galleries[0]?.id;
  const pairs: VerifiedPair[] = [];
  for (const p of left.people)
    for (const q of right.people) pairs.push(await pair(p, q, judge, galleryId));
  pairs.sort((p, q) => p.distance - q.distance);
  const verified = { model, rule: judge.rule, a: left.probe, b: right.probe, pairs };
  recordSearch(service, {
    kind: 'VERIFY',
    galleryIds: [...new Set(galleries.map(({ id }) => id))],
    model,
    threshold: judge.rule.threshold,
    imageHashes: [left, right].flatMap(({ probe }) => probe?.hash ?? []),
    faces: searchedFaces(verified, known),
  });
  return verified;
}

async function findKnown(service: Searcher, side: Side): Promise<Known | null> {
  if (!('identityId' in side)) return null;
  const identity = await findIdentity(service, side.identityId);
  return { identity, gallery: await findGallery(service, { id: identity.galleryId }) };
}

function oneModel(asked: string | null | undefined, galleries: readonly Gallery[]): string {
  const models = new Set([...(asked ? [asked] : []), ...galleries.map(({ model }) => model)]);
  if (models.size > 1)
    throw new FacegraphError(
      'ModelMismatch',
      `embeddings of several models cannot be compared: ${[...models].join(', ')}`,
    );
  const [model = DEFAULT_MODEL] = models;
  return model;
}

async function load(
  { db, engine }: Searcher,
  embedder: Embedder,
  side: Side,
  known: Known | null,
  image: 'a' | 'b',
): Promise<{ probe: Probe | null; people: Somebody[] }> {
  if ('identityId' in side) {
    const { identityId } = side;
    const embeddings = await db.embedding.findMany({
      where: { model: embedder.model, face: { identityId } },
      orderBy: { faceId: 'asc' },
      include: { face: true },
    });
    if (embeddings.length === 0)
      throw new FacegraphError('NoFaceFound', 'no face of the person is enrolled', { image });
    const rows = embeddings.map(({ face, vector }) => ({
      enrolled: face,
      embedding: fromBytes(vector),
    }));
    const bytes = known?.identity.template;
    return {
      probe: null,
      people: [{ face: null, rows, template: bytes ? fromBytes(bytes) : null }],
    };
  }
  const probe = await probeOf(engine, side);
  if (probe.faces.length === 0)
    throw new FacegraphError('NoFaceFound', 'no face in the image', { image });
  const embeddings = await embedProbe(embedder, probe, probe.faces);
  const people = probe.faces.map((face, i) => ({
    face,
    rows: [{ enrolled: null, embedding: embeddings[i] }],
    template: null,
  }));
  return { probe, people };
}

// How many faces somebody of a side is compared by.
function facesOfOne({ people: [{ rows }] }: { people: readonly Somebody[] }): number {
  return rows.length;
}

async function pair(
  p: Somebody,
  q: Somebody,
  judge: Judge,
  galleryId: string | undefined,
): Promise<VerifiedPair> {
  const embeddings = [p, q].map(({ rows }) => rows.map(({ embedding }) => embedding));
  const { a, b, distance } = await nearestPair(embeddings[0], embeddings[1]);
  const templates = [p, q].map(({ template, rows }) => template ?? rows[0].embedding);
  return {
    a: p.face,
    b: q.face,
    aEnrolled: p.rows[a].enrolled,
    bEnrolled: q.rows[b].enrolled,
    distance,
    templateDistance: p.template || q.template ? cosineDistance(templates[0], templates[1]) : null,
    decision: judge.decide(distance),
    fmr: judge.fmrOf(distance, galleryId),
  };
}

// What each face or person of a side came nearest to on the other, where that is a person; for two
// photographs, what the faces of the first came nearest to.
function searchedFaces(
  { a, b, pairs }: ProbesVerified,
  [knownA, knownB]: readonly (Known | null)[],
): Search['faces'] {
  const best = (side: 'a' | 'b', other: Known | null) =>
    ((side === 'a' ? a : b)?.faces ?? [null]).map((face) => {
      // The first of the sorted pairs is the nearest.
      const { distance, decision } = pairs.find((one) => one[side] === face)!;
      const match = decision === 'MATCH';
      const [identityId, galleryId] = [other?.identity.id ?? null, other?.gallery.id ?? null];
      return { identityId, galleryId, distance, match };
    });
  if (!knownA && !knownB) return best('a', null);
  return [...(knownB ? best('a', knownB) : []), ...(knownA ? best('b', knownA) : [])];
}
