import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 250;
const BEAT_MS = 5_000;
/** A holder that has not touched its lock for so long is taken for dead, wherever it ran. */
const STALE_MS = 60_000;

/**
 * Runs `work` while holding the lock file `path`, so that two processes never convert one model at
 * once. A lock whose process is gone from this machine, or which nobody has touched for a minute,
 * is taken over.
 * @param onWait called once when another process holds the lock.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait: () => void,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const owner = `${process.pid} ${hostname()}`;
  let waited = false;
  while (!(await create(path, owner))) {
    if (await isDead(path)) await takeAway(path);
    else {
      if (!waited) onWait();
      waited = true;
      await sleep(RETRY_MS);
    }
  }
  const touch = () => utimes(path, new Date(), new Date()).catch(() => undefined);
  const beat = setInterval(touch, BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

async function isDead(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > STALE_MS) return true;
    const [pid, host] = (await readFile(path, 'utf8')).split(' ');
    return host === hostname() && !isRunning(Number(pid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

/** Renaming lets one of several waiting processes win; a lock made meanwhile is put back. */
async function takeAway(path: string): Promise<void> {
  const aside = `${path}.${process.pid}.dead`;
  try {
    await rename(path, aside);
    if (!(await isDead(aside))) await create(path, await readFile(aside, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
