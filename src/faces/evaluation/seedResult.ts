import type { NameProbability } from '../../engine/engine.ts';
import type { About } from './collect.ts';

/** Something the article published, and what we see of it. */
export interface Published {
  readonly what: string;
  readonly published: string;
  readonly here: string;
  /** Why the two differ, or may. */
  readonly why: string;
}

/** How near one person's face on a probe comes to the known faces. */
export interface SeedVerification {
  readonly case: string;
  readonly person: string;
  readonly masked: boolean;
  /** Null where the detector found no face of this person. */
  readonly distances: {
    /** The nearest picture of the person, and of anybody else. */
    readonly own: number;
    readonly other: number;
    readonly otherPerson: string;
  } | null;
  /** At each threshold: matches with pictures of the person, of how many, and with pictures of others. */
  readonly matches: readonly {
    readonly threshold: number;
    readonly own: number;
    readonly of: number;
    readonly others: number;
  }[];
}

/** What the classifier calls somebody. */
export interface SeedNaming {
  readonly name: string;
  readonly masked: boolean;
  /** Best first; null where no face was found. */
  readonly names: readonly NameProbability[] | null;
}

/** The result of `eval seed`, as it is printed with --json. */
export interface SeedResult {
  readonly evaluation: 'seed';
  readonly about: About;
  readonly detection: readonly {
    readonly image: string;
    readonly faces: number;
    /** Of the least certain face. */
    readonly confidence: number | null;
  }[];
  readonly verification: readonly SeedVerification[];
  /** The classifier's answers, or why there are none. */
  readonly identification: readonly SeedNaming[] | { readonly unavailable: string };
  readonly published: readonly Published[];
}
