import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { FacegraphError } from '../errors.ts';
import type { WornMask } from '../faces/masks/maskFaces.ts';

/** What was asked for; a folder holds pictures of one run only. */
export interface MaskRun {
  readonly kind: string;
  readonly coverage: string;
  /** `#rrggbb`, `random`, or null for the kind's usual one. */
  readonly colour: string | null;
  readonly seed: number;
}

/** A line of the manifest. */
export interface MaskedPicture {
  /** As it was given. */
  readonly source: string;
  /** Below the folder; null for a picture without a face, of which none is written. */
  readonly output: string | null;
  readonly faces: readonly WornMask[];
}

/** A folder of masked pictures with `manifest.jsonl`. */
export interface MaskedFolder {
  /** Sources that earlier runs have done. */
  readonly done: ReadonlySet<string>;
  /**
   * Writes a picture and its line.
   * @throws FacegraphError `InvalidInput` when another picture lies there already, or it cannot be written.
   */
  put(picture: MaskedPicture, bytes: Uint8Array | null): Promise<void>;
  close(): Promise<void>;
}

const NAME = 'manifest.jsonl';
const Line = z.looseObject({
  source: z.string(),
  run: z.strictObject({
    kind: z.string(),
    coverage: z.string(),
    colour: z.string().nullable(),
    seed: z.number(),
  }),
});

/**
 * Opens or makes the folder; a run that was interrupted goes on.
 * @throws FacegraphError `InvalidInput` when it holds pictures of a run with other settings, or cannot be made.
 */
export async function openMaskedFolder(directory: string, run: MaskRun): Promise<MaskedFolder> {
  await mkdir(directory, { recursive: true }).catch(refused(`cannot make the folder ${directory}`));
  const path = join(directory, NAME);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    return refused(`cannot read ${path}`)(error);
  });
  // What stands behind the last newline was being written when the run was killed.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const done = new Set<string>();
  for (const line of whole.split('\n').filter(Boolean)) {
    const earlier = parsed(line, path);
    if (JSON.stringify(earlier.run) !== JSON.stringify(run))
      throw new FacegraphError(
        'InvalidInput',
        `${path} is of a run with other settings (${describe(earlier.run)}): choose another folder`,
      );
    done.add(earlier.source);
  }
  if (whole !== text) await writeFile(path, whole).catch(refused(`cannot write ${path}`));
  const manifest = await open(path, 'a').catch(refused(`cannot write ${path}`));
  return {
    done,
    async put({ source, output, faces }, bytes) {
      if (output !== null && bytes) await place(join(directory, output), bytes);
      await manifest.appendFile(`${JSON.stringify({ source, output, run, faces })}\n`);
    },
    close: () => manifest.close(),
  };
}

// A picture that lies there without a line is ours when it is the same: the run was killed in between.
async function place(path: string, bytes: Uint8Array): Promise<void> {
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(bytes)) return;
  if (there) throw new FacegraphError('InvalidInput', `${path} exists already, and is another`);
  const failed = refused(`cannot write ${path}`);
  await mkdir(dirname(path), { recursive: true }).catch(failed);
  await writeFile(`${path}.part`, bytes).catch(failed);
  await rename(`${path}.part`, path).catch(failed);
}

function parsed(line: string, path: string): z.infer<typeof Line> {
  try {
    return Line.parse(JSON.parse(line));
  } catch {
    throw new FacegraphError('InvalidInput', `${path} is no manifest of masked pictures`);
  }
}

function describe({ kind, coverage, colour, seed }: MaskRun): string {
  return `kind ${kind}, coverage ${coverage}, colour ${colour ?? 'usual'}, seed ${seed}`;
}

function refused(what: string): (error: NodeJS.ErrnoException) => never {
  return ({ code }) => {
    throw new FacegraphError('InvalidInput', `${what} (${code})`);
  };
}
