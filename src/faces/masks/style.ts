import type { Colour } from '../../engine/image/draw.ts';
import { sha256 } from '../../engine/weights/hash.ts';
import { FacegraphError } from '../../errors.ts';
import { seededRandom } from '../statistics/seededRandom.ts';

/** The shapes of masks that can be drawn. */
export const MASK_KINDS = ['surgical', 'n95', 'cloth', 'round'] as const;

/** Where the upper edge lies: on the bridge of the nose, halfway down it, under its tip. */
export const MASK_COVERAGES = ['high', 'medium', 'low'] as const;

export type MaskKind = (typeof MASK_KINDS)[number];
export type MaskCoverage = (typeof MASK_COVERAGES)[number];

/** What a mask looks like. The same style on the same face is the same drawing, byte for byte. */
export interface MaskStyle {
  readonly kind: MaskKind;
  readonly coverage: MaskCoverage;
  readonly colour: Colour;
  /** Chooses the wrinkles and how exactly the mask is put on. */
  readonly seed: number;
}

/** What is asked for; `random` is settled by the seed, and no colour is the kind's usual one. */
export interface MaskWish {
  readonly kind: MaskKind | 'random';
  readonly coverage: MaskCoverage | 'random';
  readonly colour?: Colour | 'random';
}

/** What each kind is most often made in. */
const USUAL: Record<MaskKind, Colour> = {
  surgical: [150, 196, 226],
  n95: [236, 236, 230],
  cloth: [44, 48, 58],
  round: [228, 228, 224],
};

// Colours that masks are sold in, so that a training set does not learn that masks are pink.
const SOLD: readonly Colour[] = [
  [150, 196, 226],
  [236, 236, 230],
  [38, 40, 44],
  [58, 74, 110],
  [128, 132, 136],
  [136, 190, 172],
  [226, 182, 192],
  [150, 52, 58],
  [206, 190, 160],
  [92, 108, 84],
];

/**
 * The seed of one face of a set: its own for every picture and face, the same whatever else is in the set
 * and in which order it is done.
 */
export function seedOf(seed: number, picture: string, face: number): number {
  return Number.parseInt(sha256(Buffer.from(`${seed}/${face}/${picture}`)).slice(0, 8), 16);
}

/** The style of one face: what was wished, and by the seed whatever was left open. */
export function styleOf(wish: MaskWish, seed: number): MaskStyle {
  const random = seededRandom(seed);
  const choose = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)];
  // Drawn in any case: a wish for the kind must not change the colour.
  const [anyKind, anyCoverage, anyColour] = [
    choose(MASK_KINDS),
    choose(MASK_COVERAGES),
    choose(SOLD),
  ];
  const kind = wish.kind === 'random' ? anyKind : wish.kind;
  return {
    kind,
    coverage: wish.coverage === 'random' ? anyCoverage : wish.coverage,
    colour: wish.colour === 'random' ? anyColour : (wish.colour ?? USUAL[kind]),
    seed,
  };
}

/**
 * A colour as `#rrggbb` or `#rgb`; the `#`, which begins a comment in a shell, may be missing.
 * @throws FacegraphError `InvalidInput` for anything else.
 */
export function parseColour(text: string): Colour {
  const short = /^#?([\da-f])([\da-f])([\da-f])$/i.exec(text)?.slice(1);
  const long = /^#?([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(text)?.slice(1);
  const parts = long ?? short?.map((digit) => digit + digit);
  if (!parts) throw new FacegraphError('InvalidInput', `${text} is no colour: expected #rrggbb`);
  const [r, g, b] = parts.map((part) => Number.parseInt(part, 16));
  return [r, g, b];
}

/** A colour as `#rrggbb`. */
export function colourText(colour: Colour): string {
  return `#${colour.map((v) => v.toString(16).padStart(2, '0')).join('')}`;
}
