import { basename, join, parse, relative, resolve, sep } from 'node:path';
import type { Command } from 'commander';
import { encodeJpeg, encodePng } from '../engine/image/encode.ts';
import { FacegraphError } from '../errors.ts';
import { expandFolders } from '../faces/folder/photographs.ts';
import { maskFaces, type WornMask, wornMasks } from '../faces/masks/maskFaces.ts';
import { eachPhotograph } from './batch.ts';
import { say } from './failure.ts';
import { openMaskedFolder } from './maskedFolder.ts';
import { type MaskOptions, maskOptions, maskWish } from './maskOptions.ts';
import { type DetectionOptions, detectionOptions, detectOptions, jsonOption } from './options.ts';
import { block, boxText, counted } from './output.ts';
import { withEngine } from './session.ts';

interface Options extends DetectionOptions, MaskOptions {
  readonly json?: boolean;
  readonly out: string;
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
    .requiredOption('--out <dir>', 'folder of the masked pictures');
  detectionOptions(jsonOption(maskOptions(command, 'worn'))).action(mask);
}

async function mask(paths: string[], options: Options): Promise<void> {
  const { kind, coverage, seed } = options;
  const colour = options.colour ?? null;
  const targets = await targetsOf(paths, options.out);
  const folder = await openMaskedFolder(options.out, { kind, coverage, colour, seed });
  const left = [...targets.keys()].filter((source) => !folder.done.has(source));
  if (left.length < targets.size)
    say(`${counted(targets.size - left.length, 'image')} of an earlier run passed over`);
  const wish = maskWish(options);
  const without: string[] = [];
  await withEngine((engine) =>
    eachPhotograph(left, options.json === true, BLANK, async ({ path, image }) => {
      const faces = await engine.detect(image, detectOptions(options));
      const name = targets.get(path)!;
      if (faces.length === 0) without.push(path);
      const masks = wornMasks(faces, wish, seed, name);
      const masked = maskFaces(image, faces, masks);
      const output = faces.length > 0 ? name : null;
      const bytes = /\.png$/i.test(name) ? encodePng(masked) : encodeJpeg(masked, QUALITY);
      await folder.put({ source: path, output, faces: masks }, output === null ? null : bytes);
      return {
        value: { image: path, output, faces: masks },
        text: block(
          output ? `${path} → ${join(options.out, output)}` : `${path}  no face`,
          masks.map(row),
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

function row({ box, kind, coverage, colour: paint }: WornMask, i: number): string[] {
  return [`${i + 1}`, boxText({ box }), kind, coverage, paint];
}
