import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  colourText,
  MASK_COVERAGES,
  MASK_KINDS,
  type MaskCoverage,
  type MaskKind,
  type MaskWish,
  parseColour,
} from '../faces/masks/style.ts';
import { seedOption } from './options.ts';

/** Which masks are to be drawn. */
export interface MaskOptions {
  readonly kind: MaskKind | 'random';
  readonly coverage: MaskCoverage | 'random';
  /** `#rrggbb` or `random`; the usual one of the kind when it was not given. */
  readonly colour?: string;
  readonly seed: number;
}

/** Adds --kind, --coverage, --colour and --seed. */
export function maskOptions(command: Command, standard: 'worn' | 'random'): Command {
  const random = standard === 'random';
  return seedOption(
    command
      .addOption(
        choice('--kind <kind>', 'kind of mask', MASK_KINDS).default(random ? 'random' : 'surgical'),
      )
      .addOption(
        choice('--coverage <level>', 'how far up it reaches', MASK_COVERAGES).default(
          random ? 'random' : 'high',
        ),
      )
      .addOption(
        new Option('--colour <#rrggbb>', `its colour, random, or the kind’s usual one`)
          .argParser(colour)
          .default(random ? 'random' : undefined),
      ),
  );
}

/** The wish out of the options. */
export function maskWish({ kind, coverage, colour: paint }: MaskOptions): MaskWish {
  if (paint === undefined) return { kind, coverage };
  return { kind, coverage, colour: paint === 'random' ? paint : parseColour(paint) };
}

function choice(flags: string, description: string, values: readonly string[]): Option {
  return new Option(flags, description).choices([...values, 'random']);
}

function colour(text: string): string {
  if (text === 'random') return text;
  try {
    return colourText(parseColour(text));
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
