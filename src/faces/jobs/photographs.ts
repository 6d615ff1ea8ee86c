import { realpath } from 'node:fs/promises';
import { isAbsolute, join, posix, relative, sep } from 'node:path';
import { FacegraphError } from '../../errors.ts';
import { identityOf } from '../folder/known.ts';
import { imagesBelow, isPhotograph, readFileBytes } from '../folder/photographs.ts';
import { archiveFiles } from './archive.ts';
import type { PersonInput } from './input.ts';

/** Where the photographs of a bulk enrolment come from. */
export type BulkSource =
  | { readonly uploads: readonly BulkUpload[] }
  /** A zip, tar or tar.gz; the folder that a photograph lies in is called like the person. */
  | { readonly archive: Uint8Array }
  /** Below the import directory, laid out as `Name/*.jpg` or `Name (1).jpg`. */
  | { readonly directory: string };

/** One photograph sent by itself. */
export interface BulkUpload extends PersonInput {
  /** Of the file; the item is called so. */
  readonly file: string;
  /** The bytes, or why they cannot be had. */
  readonly content: Uint8Array | FacegraphError;
}

/** One photograph and the person it shows. */
export interface BulkPhotograph {
  readonly file: string;
  readonly person: PersonInput;
  /** The bytes, the path below the import directory, or why neither can be had. */
  readonly content: Uint8Array | { readonly path: string } | FacegraphError;
}

/**
 * The photographs of a source, one after another.
 * @param importDirectory undefined: no directory may be read.
 * @throws FacegraphError `InvalidInput` for a directory that may not or cannot be read, and a broken
 *   archive, in which case some photographs may have come already.
 */
export async function* bulkPhotographs(
  source: BulkSource,
  importDirectory: string | undefined,
): AsyncGenerator<BulkPhotograph> {
  if ('uploads' in source)
    for (const { file, content, ...person } of source.uploads) yield { file, person, content };
  else if ('archive' in source) {
    for await (const { path, content } of archiveFiles(source.archive, isWanted))
      yield { file: path, person: { name: personOf(path) }, content };
  } else {
    const { root, directory } = await allowed(source.directory, importDirectory);
    for (const path of await imagesBelow(directory)) {
      const file = relative(directory, path).split(sep).join(posix.sep);
      const content = { path: relative(root, path).split(sep).join(posix.sep) };
      yield { file, person: { name: identityOf(directory, path) }, content };
    }
  }
}

/**
 * Reads a file below the import directory.
 * @throws FacegraphError `InvalidInput` when it lies elsewhere or cannot be read, `ImageTooLarge`.
 */
export async function readImport(
  path: string,
  importDirectory: string | undefined,
): Promise<Uint8Array> {
  const { directory } = await allowed(path, importDirectory);
  return readFileBytes(directory);
}

// Links are followed, and what they lead to must lie below the import directory too.
async function allowed(path: string, importDirectory: string | undefined) {
  if (importDirectory === undefined)
    throw new FacegraphError('InvalidInput', 'this server reads no directories');
  const root = await realpath(importDirectory).catch(() => undefined);
  const directory = root && (await realpath(join(root, path)).catch(() => undefined));
  if (!root || !directory || !isBelow(root, directory))
    throw new FacegraphError('InvalidInput', 'no such path below the import directory');
  return { root, directory };
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function isWanted(path: string): boolean {
  // What macOS adds to an archive looks like photographs and is none.
  return isPhotograph(posix.basename(path)) && !path.split('/').includes('__MACOSX');
}

// The nearest folder, not the first: people also pack the folder that holds all the others.
function personOf(path: string): string {
  const folder = posix.basename(posix.dirname(path));
  return folder === '.' ? identityOf('', path) : folder.normalize('NFC');
}
