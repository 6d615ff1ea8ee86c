// Runs by itself too: `sudo node scripts/setup/mesa.mjs` is what a user without root is told to type.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { backportsSources, hasSuite, majors, parseSources } from './apt.mjs';
import { thisMachine } from './machine.mjs';
import { main } from './progress.mjs';
import { run, SetupError } from './run.mjs';

// Dawn does not find the software driver of Debian 12's own Mesa 22 usable.
const OLDEST = 25;
const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];
const ADDED = '/etc/apt/sources.list.d/facegraph-backports.sources';

/**
 * Installs Mesa's Vulkan drivers, the software one among them, with apt; on a Debian whose own
 * Mesa is too old from its backports, adding that suite where it is missing.
 * @param {import('./progress.mjs').Say} say
 */
export async function installMesa(say) {
  const { ID, VERSION_CODENAME: codename } = thisMachine().release;
  say('apt-get update');
  await apt('update');
  if ((await mesa()).candidate >= OLDEST) return install([], say);
  if (ID !== 'debian')
    throw new SetupError(`this release has no Mesa ${OLDEST} or newer; a newer release has`);
  const backports = `${codename}-backports`;
  const sources = await configured();
  if (hasSuite(sources, backports)) return installFrom(backports, say);
  const file = backportsSources(sources, codename);
  if (!file) throw new SetupError(`apt has no source for ${codename} to take ${backports} from`);
  say(`adding ${backports} (${ADDED}): Mesa ${OLDEST} or newer is only there`);
  await writeFile(ADDED, file);
  try {
    await apt('update');
    await installFrom(backports, say);
  } catch (error) {
    // A suite that cannot be fetched would break every later apt-get update of this machine.
    await rm(ADDED);
    throw error;
  }
}

async function mesa() {
  const env = { LC_ALL: 'C' };
  return majors((await run('apt-cache', ['policy', PACKAGES[0]], { env })).stdout);
}

/**
 * @param {string} suite
 * @param {import('./progress.mjs').Say} say
 */
async function installFrom(suite, say) {
  if ((await mesa()).newest < OLDEST) throw new SetupError(`${suite} has no Mesa ${OLDEST}`);
  await install(['-t', suite], say);
}

/**
 * @param {readonly string[]} options
 * @param {import('./progress.mjs').Say} say
 */
async function install(options, say) {
  say(`apt-get install ${PACKAGES.join(' ')}`);
  await apt('install', '-y', '--no-install-recommends', ...options, ...PACKAGES);
}

/** @param {readonly string[]} args */
async function apt(...args) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const { code, output } = await run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
  });
  if (code === 0) return;
  const reasons = output.split('\n').filter((line) => /^[EW]:/.test(line));
  throw new SetupError(`apt-get ${args[0]} failed: ${(reasons.at(-1) ?? output).trim()}`);
}

async function configured() {
  const folder = '/etc/apt/sources.list.d/';
  const names = (await readdir(folder)).filter((name) => /\.(list|sources)$/.test(name));
  const paths = ['/etc/apt/sources.list', ...names.map((name) => folder + name)];
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
  return texts.flatMap((text, i) => parseSources(paths[i], text));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(async () => {
    await installMesa(console.log);
    console.log('Mesa is installed. Run npm start again.');
    return 0;
  });
