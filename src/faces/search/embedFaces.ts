import type { Face } from '../../engine/face.ts';
import type { Service } from '../gallery/galleries.ts';
import { embedProbe, faceProbeOf, type KeptFace, type Probe, type Upload } from './probe.ts';

/** A face and what the model makes of it. */
export interface EmbeddedFace {
  readonly face: Face;
  /** L2-normalised. */
  readonly embedding: Float32Array;
}

export interface Embedded {
  readonly model: string;
  readonly probe: Probe;
  readonly faces: readonly EmbeddedFace[];
}

/**
 * The embedding of every face of a probe.
 * @throws FacegraphError `NoFaceFound`, `ModelUnavailable`, `InvalidInput` for an unknown model, and
 *   those of the engine.
 */
export async function embedFaces(
  { engine }: Pick<Service, 'engine'>,
  source: Upload | KeptFace,
  model: string,
): Promise<Embedded> {
  const embedder = await engine.embedder(model);
  const probe = await faceProbeOf(engine, source);
  const embeddings = await embedProbe(embedder, probe, probe.faces);
  const faces = probe.faces.map((face, i) => ({ face, embedding: embeddings[i] }));
  return { model, probe, faces };
}
