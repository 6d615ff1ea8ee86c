import type { Embedder, Engine } from '../../engine/engine.ts';
import type { Face, Point } from '../../engine/face.ts';
import type { Image } from '../../engine/image/image.ts';
import { seenFrom } from '../../engine/surroundings.ts';
import { FacegraphError } from '../../errors.ts';
import { measureQuality, type Quality } from '../quality/quality.ts';

/** A decoded upload. */
export interface Upload {
  readonly image: Image;
  /** The file as it was sent. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the file, hexadecimal. */
  readonly hash: string;
}

/** A face of an earlier upload, of which only the surroundings were kept. */
export interface KeptFace {
  /** In pixels of the upload, as it was detected. */
  readonly face: Face;
  /** What any model needs to see of the face. */
  readonly image: Image;
  /** Where `image` lies in the upload. */
  readonly origin: Point;
  /** The size of the upload. */
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the uploaded file, hexadecimal. */
  readonly hash: string;
}

/** Faces to be recognised or enrolled, and the pixels that show them. */
export interface Probe {
  /** In pixels of the photograph; empty when it shows none. */
  readonly faces: readonly Face[];
  /** The size of the photograph. */
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the uploaded file, hexadecimal. */
  readonly hash: string;
  /** The photograph itself; null where only a face of it was kept. */
  readonly upload: Upload | null;
  /** Pixels that show the faces, and where they lie in the photograph. */
  readonly image: Image;
  readonly origin: Point;
}

/** Every face of an upload, or the one that was kept. @throws FacegraphError those of the engine. */
export async function probeOf(engine: Engine, source: Upload | KeptFace): Promise<Probe> {
  if ('face' in source) return { ...source, faces: [source.face], upload: null };
  const { image, hash } = source;
  const { width, height } = image;
  const faces = await engine.detect(image);
  return { faces, width, height, hash, upload: source, image, origin: [0, 0] };
}

/** Like `probeOf`, of at least one face. @throws FacegraphError `NoFaceFound` too. */
export async function faceProbeOf(engine: Engine, source: Upload | KeptFace): Promise<Probe> {
  const probe = await probeOf(engine, source);
  if (probe.faces.length === 0) throw new FacegraphError('NoFaceFound', 'no face in the image');
  return probe;
}

/** One embedding for each of some faces of a probe. */
export function embedProbe(
  embedder: Embedder,
  { image, origin }: Probe,
  faces: readonly Face[],
): Promise<Float32Array[]> {
  return embedder.embed(
    image,
    faces.map((face) => seenFrom(face, origin)),
  );
}

/** The quality of each of some faces of a probe. */
export function measureProbe(
  { image, origin }: Pick<Probe, 'image' | 'origin'>,
  faces: readonly Face[],
): Quality[] {
  return faces.map((face) => measureQuality(image, seenFrom(face, origin)));
}
