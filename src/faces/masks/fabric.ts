import { seededRandom } from '../statistics/seededRandom.ts';
import type { MaskStyle } from './style.ts';

/** How bright the cloth is at a place of the sheet (u −1 to 1, v 0 to 1), 1 being its plain colour. */
export type Fabric = (u: number, v: number) => number;

const PLEATS = [0.3, 0.5, 0.7];

/** The cloth of a mask: its folds, seams and rims, with wrinkles by the seed. */
export function fabricOf({ kind, seed }: MaskStyle): Fabric {
  const random = seededRandom(seed ^ 0x5eed);
  const waves = Array.from({ length: 4 }, () => ({
    across: (random() - 0.5) * 5,
    down: 1.5 + random() * 4,
    phase: random() * 2 * Math.PI,
  }));
  const wrinkle = (u: number, v: number, depth: number) => {
    let sum = 0;
    for (const { across, down, phase } of waves)
      sum += Math.sin(2 * Math.PI * (across * Math.abs(u) + down * v) + phase + u);
    // Cloth is drawn together where the straps pull.
    return 1 + depth * (0.35 + u * u) * sum;
  };
  switch (kind) {
    case 'surgical': {
      const offsets = PLEATS.map((at) => at + (random() - 0.5) * 0.03);
      return (u, v) =>
        wrinkle(u, v, 0.012) * pleats(offsets, v) * rim(u, v, 0.035, 1.05) * seam(v - 0.05, 0.006);
    }
    case 'n95':
      return (u, v) =>
        wrinkle(u, v, 0.004) *
        rim(u, v, 0.05, 0.94) *
        // Three panels, and the clip on the nose.
        seam(v - 0.34, 0.012) *
        seam(v - 0.68, 0.012) *
        (Math.abs(u) < 0.3 && Math.abs(v - 0.1) < 0.018 ? 0.8 : 1);
    case 'cloth':
      return (u, v) =>
        wrinkle(u, v, 0.028) * seam(u, 0.012) * seam(v - 0.05, 0.01) * seam(v - 0.95, 0.01);
    case 'round':
      return (u, v) => wrinkle(u, v, 0.006) * rim(u, v, 0.06, 0.93);
  }
}

// Each pleat lies over the next: a bright edge, and under it the shadow that it throws.
function pleats(offsets: readonly number[], v: number): number {
  let tone = 1;
  for (const at of offsets) {
    const below = v - at;
    tone *= below < 0 ? 1 + 0.05 * Math.exp(below / 0.03) : 1 - 0.2 * Math.exp(-below / 0.03);
  }
  return tone;
}

function rim(u: number, v: number, width: number, tone: number): number {
  return v < width || v > 1 - width || Math.abs(u) > 1 - width ? tone : 1;
}

function seam(distance: number, width: number): number {
  return 1 - 0.16 * Math.exp(-((distance / width) ** 2));
}
