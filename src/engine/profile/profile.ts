import type { Clock } from '../../gpu/clock.ts';
import type { Constants } from '../../gpu/pipeline.ts';
import type { Shape } from '../network.ts';
import type { Spread } from '../spread.ts';
import type { NetworkParity, Parity } from './parity.ts';

/** What to profile. */
export interface ProfileOptions {
  /** Manifest name. */
  readonly model: string;
  /** Faces that a network gets at once. */
  readonly batch: number;
  /** Times that everything is run. */
  readonly runs: number;
  /** Made-up weights where a VGGFace2 model's own are not here. */
  readonly formula?: boolean;
  /** Size of the image that a detector looks at. Default 640×480. */
  readonly image?: readonly [width: number, height: number];
  /** Ask onnxruntime, or the scalar reference where it is missing, about whole networks too. */
  readonly judge?: boolean;
  /** Called before each part of the work. */
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** One dispatch of a plan. */
export interface StepProfile {
  /** The network, and the layer in it. */
  readonly section: string;
  readonly name: string;
  readonly kernel: string;
  readonly constants: Constants;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  /** Milliseconds. */
  readonly time: Spread;
  /** When it began in the middle one of the runs, in milliseconds since that run's begin. */
  readonly begin: number;
  /** How long it took in that run. */
  readonly took: number;
  /** See `Cost`. */
  readonly flop: number;
  readonly read: number;
  readonly written: number;
  /** Achieved, by the median. */
  readonly flopPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of the two ceilings; over 1 where data comes out of a cache. */
  readonly share: { readonly flop: number; readonly bytes: number };
  /** Against the scalar reference on the same input. */
  readonly parity: Parity;
}

/** A network, or all P-Nets of a pyramid. */
export interface SectionProfile {
  readonly name: string;
  /** All steps in one pass as in service, submission and waiting included, in milliseconds. */
  readonly whole: Spread;
  /** Null when nobody was asked, or nobody could say. */
  readonly parity: NetworkParity | null;
}

/** What the adapter can do at most, by the fastest of `n` runs of kernels that do nothing else. */
export interface Ceilings {
  readonly bytesPerSecond: number;
  readonly flopPerSecond: number;
  readonly n: number;
}

/** What a profile is of, and all it found. */
export interface Profile {
  readonly format: 1;
  readonly model: string;
  readonly weights: 'genuine' | 'formula';
  readonly batch: number;
  /** Null for embedders. */
  readonly image: readonly [width: number, height: number] | null;
  /** ISO 8601. */
  readonly date: string;
  readonly adapter: { readonly description: string; readonly software: boolean };
  readonly clock: Clock;
  readonly runs: number;
  /** Kernels that ran out of other files, and those files. */
  readonly replaced: Readonly<Record<string, string>>;
  readonly ceilings: Ceilings;
  readonly sections: readonly SectionProfile[];
  readonly steps: readonly StepProfile[];
}
