import { cosineDistance } from '../distance.ts';
import type { WornMask } from '../masks/maskFaces.ts';
import type { PeopleCompared } from '../statistics/bootstrap.ts';
import { seededRandom } from '../statistics/seededRandom.ts';

/** A photograph of somebody without and with a mask; null where no face was found. */
export interface MaskProbe {
  /** What tells it from others: two faces of one photograph are not compared. */
  readonly path: string;
  readonly plain: Float32Array | null;
  readonly masked: Float32Array | null;
  readonly mask: Pick<WornMask, 'kind' | 'coverage' | 'colour'> | null;
}

/** Somebody who is enrolled by one photograph, with a face, and looked for by others. */
export interface MaskSubject {
  readonly identity: string;
  readonly enrolled: MaskProbe & { readonly plain: Float32Array };
  readonly probes: readonly MaskProbe[];
}

/** One comparison, and the probe it was made with. */
export interface MaskComparison extends PeopleCompared {
  readonly probe: MaskProbe;
  readonly lost: boolean;
}

/** So many impostor comparisons are enough for the finest rate, with a narrow interval. */
const IMPOSTORS = 20_000;

/** The embeddings of one side of a comparison; none where a face was lost. */
export type Side = (photograph: MaskProbe) => readonly Float32Array[];

export const plainOf: Side = ({ plain }) => (plain ? [plain] : []);
export const maskedOf: Side = ({ masked }) => (masked ? [masked] : []);
export const bothOf: Side = (photograph) => [...plainOf(photograph), ...maskedOf(photograph)];

/** For each probe the same strangers in every condition, drawn without repetition. */
export function strangersOf(
  subjects: readonly MaskSubject[],
  seed: number,
): Map<MaskProbe, MaskSubject[]> {
  const random = seededRandom(seed);
  const probes = subjects.flatMap((subject) => subject.probes.map((probe) => ({ subject, probe })));
  const each = Math.ceil(IMPOSTORS / Math.max(1, probes.length));
  return new Map(
    probes.map(({ subject, probe }) => {
      const others = subjects.filter(
        (other) => other !== subject && other.enrolled.path !== probe.path,
      );
      for (let i = 0; i < Math.min(each, others.length); i++) {
        const j = i + Math.floor(random() * (others.length - i));
        [others[i], others[j]] = [others[j], others[i]];
      }
      return [probe, others.slice(0, each)];
    }),
  );
}

/** Every probe with its own person and with its strangers, by the nearest embeddings of both sides. */
export function compared(
  subjects: readonly MaskSubject[],
  strangers: ReadonlyMap<MaskProbe, readonly MaskSubject[]>,
  enrolledSide: Side,
  probeSide: Side,
): MaskComparison[] {
  const one = (of: MaskSubject, probe: MaskProbe, by: MaskSubject): MaskComparison => {
    const [a, b] = [enrolledSide(of.enrolled), probeSide(probe)];
    const distances = a.flatMap((x) => b.map((y) => cosineDistance(x, y)));
    return {
      distance: Math.min(Infinity, ...distances),
      genuine: of === by,
      identities: [of.identity, by.identity],
      probe,
      lost: distances.length === 0,
    };
  };
  return subjects.flatMap((subject) =>
    subject.probes.flatMap((probe) => [
      one(subject, probe, subject),
      ...strangers.get(probe)!.map((other) => one(other, probe, subject)),
    ]),
  );
}
