import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar';
import { FacegraphError } from '../../errors.ts';

/**
 * Takes the named plain files out of a folder of an npm tarball, as a stream.
 * @returns their paths in `destination`, in the order of `names`.
 * @throws FacegraphError `WeightsInvalid` when one is not there or the archive is broken.
 */
export async function extractFiles(
  tarball: string,
  folder: string,
  names: readonly string[],
  destination: string,
): Promise<string[]> {
  await mkdir(destination, { recursive: true });
  const wanted = new Set(names.map((name) => `${folder}/${name}`));
  try {
    await extract({
      file: tarball,
      cwd: destination,
      // npm itself ignores what the first folder is called.
      strip: folder.split('/').length + 1,
      strict: true,
      filter: (path, entry) =>
        wanted.has(path.slice(path.indexOf('/') + 1)) && 'type' in entry && entry.type === 'File',
    });
  } catch {
    throw new FacegraphError('WeightsInvalid', 'the npm tarball cannot be unpacked');
  }
  const paths = names.map((name) => join(destination, name));
  for (const path of paths)
    if (!(await stat(path).catch(() => undefined)))
      throw new FacegraphError(
        'WeightsInvalid',
        `the npm tarball has no ${path.slice(destination.length + 1)}`,
      );
  return paths;
}
