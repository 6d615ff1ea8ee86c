import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { npm, root, SetupError } from './run.mjs';

/**
 * @typedef {{version?: string, dev?: boolean, optional?: boolean, devOptional?: boolean}} Locked
 * @typedef {{packages: Record<string, Locked>}} Lockfile
 */

/**
 * Why the installed packages are not the locked ones, or undefined when they are. Compared package
 * by package, so that a plain `npm install` is not done over again.
 * @param {Lockfile} lock package-lock.json
 * @param {Lockfile | undefined} installed node_modules/.package-lock.json, which npm writes last
 * @param {{dev: boolean}} wanted whether development packages are needed too
 */
export function staleness(lock, installed, wanted) {
  if (!installed) return 'not installed yet';
  for (const [path, { version, dev, optional, devOptional }] of Object.entries(lock.packages)) {
    if (path === '') continue;
    const name = path.replace(/^.*node_modules\//, '');
    const there = installed.packages[path];
    if (there && there.version !== version) return `${name} is ${there.version}, wanted ${version}`;
    if (!there && !optional && !devOptional && (wanted.dev || !dev)) return `${name} is missing`;
  }
  return undefined;
}

/**
 * `staleness` of this checkout.
 * @param {{dev: boolean}} wanted
 */
export async function dependencyStaleness(wanted) {
  const lock = await lockfile('package-lock.json');
  if (!lock) throw new SetupError('package-lock.json is missing: this is not a whole clone.');
  return staleness(lock, await lockfile('node_modules/.package-lock.json'), wanted);
}

/**
 * Installs the packages of package-lock.json unless they are there.
 * @param {{dev: boolean}} wanted
 * @param {import('./progress.mjs').Say} say
 */
export async function installDependencies(wanted, say) {
  const reason = await dependencyStaleness(wanted);
  if (!reason) return 'up to date';
  say(`${reason}; npm ci (about 300 packages, 1 GB on disk)`);
  // No package needs its install script, and those of prisma and onnxruntime download from elsewhere.
  const args = ['ci', '--ignore-scripts', ...(wanted.dev ? ['--include=dev'] : [])];
  const { code } = await npm(args, { show: true });
  if (code !== 0)
    throw new SetupError('npm ci failed (see above). Once that is mended, run this again.');
  return 'installed';
}

/**
 * @param {string} path
 * @returns {Promise<Lockfile | undefined>}
 */
async function lockfile(path) {
  try {
    return JSON.parse(await readFile(join(root, path), 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}
