/** People of the seed article's data, as its folder of known faces calls them. */
export type SeedPerson = string;

/** A photograph of the article without and with a drawn mask. */
export interface SeedCase {
  readonly name: string;
  /** Who is on it, from left to right. */
  readonly people: readonly SeedPerson[];
  /** File of the probe without a mask; null where the article has only the masked one. */
  readonly plain: string | null;
  readonly masked: string;
}

const ELTON = 'httpcdnlyricssongonlyricsnetwpcontentuploadsEltonJohnDiscographyCDreleasesjpg';
const KALING = 'httpssmediacacheakpinimgcomxccccdabeaadjpg';

/** The verifications of the article. */
export const SEED_CASES: readonly SeedCase[] = [
  {
    name: 'Biden and Obama',
    people: ['Joe_Biden', 'Obama'],
    plain: '00BidenObama1-superJumbo.jpg',
    masked: '00BidenObama1-superJumbo_masked1.jpg',
  },
  { name: 'Obama', people: ['Obama'], plain: null, masked: 'Obama_masked5.jpg' },
  {
    name: 'Affleck',
    people: ['ben_affleck'],
    plain: 'httpcsvkmeuaeccjpg.jpg',
    masked: 'httpcsvkmeuaeccjpg_masked1.jpg',
  },
  {
    name: 'John',
    people: ['EltonJohn'],
    plain: `${ELTON}.jpg`,
    masked: `${ELTON}_masked1.jpg`,
  },
  {
    name: 'Kaling',
    people: ['Mindy_Kaling'],
    plain: `${KALING}.jpg`,
    masked: `${KALING}_masked2.jpg`,
  },
];

/** The article's thresholds: of its first experiment, and of the one with masks. */
export const SEED_THRESHOLDS = [0.5, 0.6] as const;

/** Whom the article lets a classifier name. */
export const SEED_NAMED = [
  { name: 'Oprah Winfrey', plain: 'Oprah_Winfrey2.jpg', masked: 'Oprah_Winfrey2_masked1.jpg' },
  {
    name: 'Michael B. Jordan',
    plain: 'Michael_B._Jordan.jpg',
    masked: 'Michael_B_Jordan_masked1.jpg',
  },
  { name: 'Matt Damon', plain: 'Damon_cropped.jpg', masked: 'Damon_cropped_masked1.jpg' },
] as const;

/** The article's classifier. */
export const SEED_CLASSIFIER = 'senet50-vggface2';
