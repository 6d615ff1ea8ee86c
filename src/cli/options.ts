import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DetectOptions } from '../engine/engine.ts';

/** The embedder whose weights are to be had wherever npm works. */
export const DEFAULT_MODEL = 'facenet-vggface2';

/** How faces are looked for. */
export interface DetectionOptions {
  readonly minFace?: number;
  readonly stages?: [number, number, number];
  readonly scaleFactor?: number;
}

/** What every verb that looks at photographs accepts. */
export interface PhotographOptions extends DetectionOptions {
  readonly json?: boolean;
  readonly out?: string;
}

/** Adds --json, --out and the parameters of detection. */
export function photographOptions(command: Command): Command {
  return detectionOptions(
    jsonOption(command).option('--out <dir>', 'write pictures into this folder'),
  );
}

/** Adds --json. */
export function jsonOption(command: Command): Command {
  return command.option('--json', 'print one JSON document on stdout');
}

/** Adds --min-face, --stages and --scale-factor. */
export function detectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--min-face <pixels>', 'smallest face looked for (default 20)').argParser(
        number(12, 10_000),
      ),
    )
    .addOption(
      new Option(
        '--stages <p,r,o>',
        'thresholds of P-, R- and O-Net (default 0.6,0.7,0.7)',
      ).argParser(stages),
    )
    .addOption(
      new Option('--scale-factor <f>', 'ratio of pyramid levels (default 0.709)').argParser(
        number(0.1, 0.95),
      ),
    );
}

/** Adds --model. */
export function modelOption(command: Command, model: string): Command {
  return command.option('--model <name>', 'embedding model, see `weights list`', model);
}

/** Adds --threshold. */
export function thresholdOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--threshold <distance>',
      'cosine distance up to which two faces match (default: the model’s own)',
    ).argParser(number(0, 2)),
  );
}

/** Adds --seed. */
export function seedOption(
  command: Command,
  what = 'chooses what is left to chance, the same way each time',
): Command {
  return command.addOption(
    new Option('--seed <n>', what).argParser(integer(0, 2 ** 31)).default(1),
  );
}

/** Adds --top. */
export function topOption(command: Command, what: string): Command {
  return command.addOption(
    new Option('--top <n>', `${what} per face`).argParser(integer(1, 1000)).default(5),
  );
}

/** The engine's detection options out of those given on the command line. */
export function detectOptions(options: DetectionOptions): DetectOptions {
  return {
    ...(options.minFace !== undefined && { minFaceSize: options.minFace }),
    ...(options.stages && { thresholds: options.stages }),
    ...(options.scaleFactor !== undefined && { scaleFactor: options.scaleFactor }),
  };
}

function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    return value;
  };
}

/** A whole number of the command line. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = number(min, max)(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
    return value;
  };
}

function stages(text: string): [number, number, number] {
  const values = text.split(',').map(number(0, 1));
  if (values.length !== 3)
    throw new InvalidArgumentError('It must be three numbers, as 0.6,0.7,0.7.');
  return values as [number, number, number];
}
