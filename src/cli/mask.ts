import { basename, join, parse, relative, resolve, sep } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { encodeJpeg, encodePng } from '../engine/image/encode.ts';
import { FacegraphError } from '../errors.ts';
import { expandFolders } from '../faces/folder/photographs.ts';
import { maskFaces, type WornMask } from '../faces/masks/maskFaces.ts';
import {
  colourText,
  MASK_COVERAGES,
  MASK_KINDS,
  type MaskCoverage,
  type MaskKind,
  type MaskWish,
  parseColour,
} from '../faces/masks/style.ts';
import { eachPhotograph } from './batch.ts';
import { say } from './failure.ts';
import { openMaskedFolder } from './maskedFolder.ts';
import { detectionOptions, detectOptions, type PhotographOptions, seedOption } from './options.ts';
import { block, boxText, counted } from './output.ts';
import { withEngine } from './session.ts';

interface Options extends PhotographOptions {
  readonly out: string;
  readonly kind: MaskKind | 'random';
  readonly coverage: MaskCoverage | 'random';
  readonly colour?: string;
  readonly seed: number;
}

const BLANK = { output: null, faces: [] };
// What is drawn on is to be learnt from or measured, so it must not be lost to compression.
const QUALITY = 95;

/** Adds the verb `mask`. */
export function registerMask(program: Command): void {
  const command = program
    .command('mask')
    .description('draw a mask on every face, into a folder with a manifest')
    .argument('<images...>', 'image files or folders')
    .requiredOption('--out <dir>', 'folder of the masked pictures')
    .addOption(choice('--kind <kind>', 'kind of mask', MASK_KINDS).default('surgical'))
    .addOption(
      choice('--coverage <level>', 'how far up it reaches', MASK_COVERAGES).default('high'),
    )
    .addOption(
      new Option('--colour <#rrggbb>', 'its colour, or random (default: the usual one)').argParser(
        colour,
      ),
    );
  detectionOptions(seedOption(command)).action(mask);
}

async function mask(paths: string[], options: Options): Promise<void> {
  const { kind, coverage, seed } = options;
  const colour = options.colour ?? null;
  const targets = await targetsOf(paths, options.out);
  const folder = await openMaskedFolder(options.out, { kind, coverage, colour, seed });
  const left = [...targets.keys()].filter((source) => !folder.done.has(source));
  if (left.length < targets.size)
    say(`${counted(targets.size - left.length, 'image')} of an earlier run passed over`);
  const [wish, without]: [MaskWish, string[]] = [{ kind, coverage, ...wished(colour) }, []];
  await withEngine((engine) =>
    eachPhotograph(left, options.json === true, BLANK, async ({ path, image }) => {
      const faces = await engine.detect(image, detectOptions(options));
      const name = targets.get(path)!;
      if (faces.length === 0) without.push(path);
      const masked = maskFaces(image, faces, wish, seed, name);
      const output = faces.length > 0 ? name : null;
      const bytes = /\.png$/i.test(name)
        ? encodePng(masked.image)
        : encodeJpeg(masked.image, QUALITY);
      await folder.put(
        { source: path, output, faces: masked.masks },
        output === null ? null : bytes,
      );
      return {
        value: { image: path, output, faces: masked.masks },
        text: block(
          output ? `${path} → ${join(options.out, output)}` : `${path}  no face`,
          masked.masks.map(row),
        ),
      };
    }),
  ).finally(() => folder.close());
  if (without.length > 0) say(`${counted(without.length, 'image')} without a face, not written`);
}

/** Where each picture goes below the folder, keeping the structure of the folders that were given. */
async function targetsOf(paths: readonly string[], out: string): Promise<Map<string, string>> {
  const targets = new Map<string, string>();
  const sources = new Map<string, string>();
  for (const path of paths)
    for (const file of await expandFolders([path])) {
      // A second run over the same folder must not mask what the first one wrote into it.
      if (file !== path && inside(out, file)) continue;
      const below = file === path ? basename(file) : relative(path, file);
      const { dir, name, ext } = parse(below);
      const target = join(dir, /\.(png|jpe?g)$/i.test(ext) ? name + ext : `${name}.jpg`);
      const other = sources.get(target);
      if (other !== undefined && resolve(other) !== resolve(file))
        throw new FacegraphError(
          'InvalidInput',
          `${other} and ${file} would both become ${join(out, target)}: use a folder for each`,
        );
      sources.set(target, file);
      targets.set(file, target);
    }
  return targets;
}

function inside(folder: string, file: string): boolean {
  return !relative(resolve(folder), resolve(file)).startsWith(`..${sep}`);
}

function wished(colour: string | null): Pick<MaskWish, 'colour'> {
  if (colour === null) return {};
  return { colour: colour === 'random' ? colour : parseColour(colour) };
}

function row({ box, kind, coverage, colour: paint }: WornMask, i: number): string[] {
  return [`${i + 1}`, boxText({ box }), kind, coverage, paint];
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
