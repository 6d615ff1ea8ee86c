import type { Face } from '../../engine/face.ts';
import { FacegraphError } from '../../errors.ts';
import type { Gallery } from '../../generated/prisma/client.ts';
import { type QualityRefusal, qualityFailure, refusalsOf } from '../quality/limits.ts';
import type { Quality } from '../quality/quality.ts';
import {
  embedProbe,
  faceProbeOf,
  type KeptFace,
  measureProbe,
  type Probe,
  type Upload,
} from '../search/probe.ts';
import { changeFaces } from './changes.ts';
import { chooseFace, type FaceChoice } from './chooseFace.ts';
import type { Service } from './galleries.ts';
import { personColumns } from './person.ts';
import { qualityLimits } from './settings.ts';
import { findSimilar, type SimilarFace, similarFailure } from './similar.ts';
import * as store from './store.ts';

/** A face of a photograph and the person it belongs to. */
export interface Enrolment extends FaceChoice {
  readonly identity: { id: string } | { gallery: store.GalleryBy; new: store.NewIdentity };
}

/** How faces are enrolled. */
export interface EnrolOptions {
  /** Also takes a face of which the gallery has all but the same. */
  readonly allowSimilar?: boolean | null;
}

/** An enrolled face. */
export interface Enrolled {
  readonly id: string;
  readonly identityId: string;
}

interface Target {
  readonly gallery: Gallery;
  readonly identity: { id: string } | store.PersonColumns;
}

/** A photograph that has been looked at, before anything is done with it. */
interface Prepared {
  readonly gallery: Gallery;
  readonly targets: readonly Target[];
  readonly probe: Probe;
  /** Those that were chosen. */
  readonly faces: readonly Face[];
  readonly qualities: readonly Quality[];
}

const MAX_FACES = 100;

/**
 * Detects, embeds and stores faces of one photograph in one gallery: all of them, or none. They can
 * be found as soon as this returns.
 * @throws FacegraphError `NoFaceFound`; `MultipleFacesFound` with `details.faces` and
 *   `details.upload` when none of several was chosen; a `QualityCode` where a face is not what the
 *   gallery's limits ask for; `DuplicateFace` with `details.faceId`, `NameTaken`, `GalleryNotFound`,
 *   `IdentityNotFound`, `InvalidInput`, and those of the engine. Where several faces are asked for,
 *   the message begins with the place of the one at fault.
 */
export async function enrolFaces(
  service: Service,
  source: Upload | KeptFace,
  enrolments: readonly Enrolment[],
  { allowSimilar }: EnrolOptions,
): Promise<Enrolled[]> {
  const prepared = await prepareEnrolment(service, source, enrolments);
  const { gallery, targets, probe, faces, qualities } = prepared;
  await each(qualities, async (quality) => {
    const [refusal] = refusalsOf(quality, qualityLimits(gallery));
    if (refusal) throw qualityFailure(refusal);
  });
  const embedder = await service.engine.embedder(gallery.model);
  const embeddings = await embedProbe(embedder, probe, faces);
  if (!allowSimilar) await each(await findSimilar(service, gallery.id, embeddings), refuse);
  return changeFaces(service, gallery.id, async (tx, touched, now) => {
    if (now.model !== gallery.model)
      throw new FacegraphError('ModelMismatch', 'the gallery changed its model meanwhile');
    const bytes = probe.upload?.bytes ?? null;
    return each(targets, async ({ identity }, i) => {
      const quality = qualities[i];
      const data = {
        face: faces[i],
        quality,
        imageHash: probe.hash,
        bytes,
        embedding: embeddings[i],
      };
      const row = await store.insertFace(tx, now, identity, data);
      const identityId = row.identityId!;
      touched.faces.add(row.id);
      touched.identities.add(identityId);
      return { id: row.id, identityId };
    });
  });
}

/** What became of a face that was to be enrolled for show. */
export interface Rehearsed {
  readonly probe: Probe;
  readonly face: Face;
  /** Why the gallery would refuse it; empty when it is good enough. */
  readonly refusals: readonly QualityRefusal[];
  /** The face of the gallery that is all but the same. */
  readonly similar: SimilarFace | null;
}

/**
 * Like `enrolFaces` up to the point where something would be stored: every face is measured and compared,
 * and what would be said against it is answered instead of thrown.
 * @throws FacegraphError as `enrolFaces` but for the quality and `DuplicateFace`.
 */
export async function rehearseEnrolment(
  service: Service,
  source: Upload | KeptFace,
  enrolments: readonly Enrolment[],
): Promise<Rehearsed[]> {
  const prepared = await prepareEnrolment(service, source, enrolments);
  const { gallery, probe, faces, qualities } = prepared;
  const embedder = await service.engine.embedder(gallery.model);
  const embeddings = await embedProbe(embedder, probe, faces);
  const similar = await findSimilar(service, gallery.id, embeddings);
  return faces.map((face, i) => ({
    probe,
    face,
    refusals: refusalsOf(qualities[i], qualityLimits(gallery)),
    similar: similar[i],
  }));
}

async function prepareEnrolment(
  service: Service,
  source: Upload | KeptFace,
  enrolments: readonly Enrolment[],
): Promise<Prepared> {
  if (enrolments.length < 1 || enrolments.length > MAX_FACES)
    throw new FacegraphError('InvalidInput', `${enrolments.length} faces: give 1 to ${MAX_FACES}`);
  const targets = await each(enrolments, (enrolment) =>
    enrolmentTarget(service, enrolment.identity),
  );
  const [{ gallery }] = targets;
  if (targets.some((target) => target.gallery.id !== gallery.id))
    throw new FacegraphError('InvalidInput', 'the faces of one call go into one gallery');
  const probe = await faceProbeOf(service.engine, source);
  const faces = await each(enrolments, async (choice) => chooseFace(probe, choice));
  if (new Set(faces).size < faces.length)
    throw new FacegraphError('InvalidInput', 'one face of the photograph was chosen twice');
  return { gallery, targets, probe, faces, qualities: measureProbe(probe, faces) };
}

/** The gallery that somebody is to be enrolled in. @throws FacegraphError as `enrolFaces`. */
export async function enrolmentTarget(
  service: Service,
  identity: Enrolment['identity'],
): Promise<Target> {
  if ('id' in identity) {
    const { galleryId } = await store.findIdentity(service, identity.id);
    return { gallery: await store.findGallery(service, { id: galleryId }), identity };
  }
  const person = personColumns(identity.new);
  return { gallery: await store.findGallery(service, identity.gallery), identity: person };
}

async function refuse(similar: SimilarFace | null): Promise<void> {
  if (similar) throw similarFailure(similar);
}

// One after another: within a transaction there is no other way. What fails says which it was.
async function each<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (const [i, item] of items.entries())
    results.push(
      await work(item, i).catch((error) => {
        throw items.length > 1 && error instanceof FacegraphError
          ? new FacegraphError(error.code, `faces[${i}]: ${error.message}`, error.details)
          : error;
      }),
    );
  return results;
}
