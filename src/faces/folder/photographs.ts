import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeImage, imageLimits } from '../../engine/image/decode.ts';
import type { Image } from '../../engine/image/image.ts';
import { FacegraphError } from '../../errors.ts';

/** A file that was read and decoded. */
export interface Photograph {
  readonly path: string;
  readonly image: Image;
}

/** A file of no use, and why. */
export interface UnreadablePhotograph {
  readonly path: string;
  readonly error: Error;
}

// Formats that cannot be decoded are listed too: a HEIC file that is passed over in silence looks
// like a person who is not known.
const EXTENSION = /\.(jpe?g|png|webp|heic|heif|avif|gif|bmp|tiff?)$/i;

/** Whether a file's name is that of an image, hidden files left out. */
export function isPhotograph(name: string): boolean {
  return EXTENSION.test(name) && !name.startsWith('.');
}

/**
 * Every image file below a folder, sorted (2 before 10), hidden files left out. Paths begin with
 * `folder`. Links are followed, a link to a folder that contains it is not.
 */
export async function imagesBelow(folder: string): Promise<string[]> {
  const found = await walk(folder, []);
  return found.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/**
 * Replaces folders by the images below them; files stay as they are, whatever they are called.
 * What does not exist, and a folder without images, stays too: reading it gives the reason.
 */
export async function expandFolders(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const folder = await stat(path).then(
      (info) => info.isDirectory(),
      () => false,
    );
    const inside = folder ? await imagesBelow(path).catch(() => []) : [];
    files.push(...(inside.length > 0 ? inside : [path]));
  }
  return files;
}

/**
 * Reads and decodes one image file.
 * @throws FacegraphError `InvalidInput` when it cannot be read, `UnsupportedImage` or `ImageTooLarge`.
 */
export async function readPhotograph(path: string): Promise<Image> {
  return decodeImage(await readFileBytes(path));
}

/**
 * Reads one image file as it is.
 * @throws FacegraphError `InvalidInput` when it cannot be read, `ImageTooLarge`.
 */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (info.isDirectory())
      throw new FacegraphError('InvalidInput', 'a folder without readable images');
    const { maxBytes } = imageLimits();
    if (info.size > maxBytes)
      throw new FacegraphError('ImageTooLarge', `more than ${maxBytes / 1e6} MB`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof FacegraphError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    const reason = { ENOENT: 'no such file', EACCES: 'not readable', EPERM: 'not readable' }[
      code ?? ''
    ];
    throw new FacegraphError('InvalidInput', reason ?? `cannot be read (${code})`);
  }
}

/** Reads files in order; the next one is read and decoded while the caller works on this one. */
export async function* photographs(
  paths: readonly string[],
): AsyncGenerator<Photograph | UnreadablePhotograph> {
  if (paths.length === 0) return;
  let next = attempt(paths[0]);
  for (let i = 0; i < paths.length; i++) {
    const current = next;
    if (i + 1 < paths.length) next = attempt(paths[i + 1]);
    yield await current;
  }
}

async function walk(folder: string, above: readonly string[]): Promise<string[]> {
  const real = await realpath(folder);
  if (above.includes(real)) return [];
  const found: string[] = [];
  for (const name of await readdir(folder)) {
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info?.isDirectory()) found.push(...(await walk(path, [...above, real])));
    else if (isPhotograph(name)) found.push(path);
  }
  return found;
}

async function attempt(path: string): Promise<Photograph | UnreadablePhotograph> {
  try {
    return { path, image: await readPhotograph(path) };
  } catch (error) {
    return { path, error: error instanceof Error ? error : new Error(String(error)) };
  }
}
