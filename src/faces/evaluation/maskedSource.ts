import type { Face } from '../../engine/face.ts';
import { sha256 } from '../../engine/weights/hash.ts';
import { canonicalJson } from '../canonicalJson.ts';
import { maskFaces, type WornMask, wornMasks } from '../masks/maskFaces.ts';
import type { MaskWish } from '../masks/style.ts';
import { overlap } from '../overlap.ts';
import type { Source } from './detections.ts';
import { centralFace } from './mainFace.ts';
import type { Embedded, Reader } from './reader.ts';

/** Raised by whoever changes how masks are drawn: what the cache knows of masked pictures is void then. */
const DRAWING = 1;

/** From this overlap (intersection over union) on, a face that is found again is the same. */
const SAME = 0.3;

/** One photograph as it is and with masks on; null where no face was found. */
export interface MaskedView {
  readonly plain: Embedded['faces'][number] | null;
  readonly masked: Embedded['faces'][number] | null;
  /** What that face wears. */
  readonly mask: WornMask | null;
  /** All faces of the photograph and what they wear. */
  readonly worn: { readonly faces: readonly Face[]; readonly masks: readonly WornMask[] };
  readonly computed: boolean;
}

/** Which masks are drawn. */
export interface MaskChoice {
  readonly wish: MaskWish;
  readonly seed: number;
}

/**
 * Embeds the central face of a photograph, and again after a mask was drawn on every face of it. The
 * masked picture goes through detection like any other, so that a face can be lost there.
 * @throws FacegraphError of the image, of the engine.
 */
export async function embedMasked(
  reader: Reader,
  source: Source,
  { wish, seed }: MaskChoice,
): Promise<MaskedView> {
  const seen = await reader.embed(source);
  const plain = centralFace(seen) ?? null;
  if (!plain) {
    const worn = { faces: [], masks: [] };
    return { plain, masked: null, mask: null, worn, computed: seen.computed };
  }
  const faces = seen.faces.map(({ face }) => face);
  const masks = wornMasks(faces, wish, seed, source.key);
  const again = await reader.embed({
    key: sha256(Buffer.from(canonicalJson({ DRAWING, of: source.key, faces, masks }))),
    image: async () => maskFaces(await source.image(), faces, masks),
  });
  const kept = sameFace(
    again.faces.map(({ face }) => face),
    plain.face,
  );
  return {
    plain,
    masked: again.faces.find(({ face }) => face === kept) ?? null,
    mask: masks[seen.faces.indexOf(plain)],
    worn: { faces, masks },
    computed: seen.computed || again.computed,
  };
}

/** Which of the faces found under masks is the one that was there before; undefined: it was lost. */
export function sameFace(found: readonly Face[], before: Face): Face | undefined {
  const shared = ({ box }: Face) => overlap(box, before.box);
  const [nearest] = [...found].sort((a, b) => shared(b) - shared(a));
  return nearest && shared(nearest) >= SAME ? nearest : undefined;
}
