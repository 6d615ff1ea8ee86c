import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FacegraphError } from '../../errors.ts';

/**
 * Makes this process the only user of a data directory: the embedded database is corrupted when two
 * processes open it.
 * @returns a function that gives the directory free.
 * @throws FacegraphError `InvalidInput` naming the process that holds it.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock');
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const holder = Number(await readFile(path, 'utf8'));
    // Our own number is a predecessor's: in a container every run has the same one.
    if (holder !== process.pid && isAlive(holder))
      throw new FacegraphError('InvalidInput', `${directory} is in use by process ${holder}`);
    // Left behind by a process that was killed.
    await rm(path, { force: true });
    await writeFile(path, String(process.pid), { flag: 'wx' });
  }
  return () => rm(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
