import { join } from 'node:path';
import { installDependencies } from './dependencies.mjs';
import { gpuVariables } from './environment.mjs';
import { step } from './progress.mjs';
import { foreground, root, SetupError } from './run.mjs';

const OLDEST_NODE = [20, 19];

/**
 * Everything the server and the tests need, each part only when it is missing or stale.
 * @param {{dev: boolean, weights: 'needed' | 'wanted'}} wanted `dev`: development packages too;
 *   weights that are only `wanted` may be impossible to get
 */
export async function prepare(wanted) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]))
    throw new SetupError(
      `Node ${OLDEST_NODE.join('.')} or newer is needed; this is ${process.version}.`,
    );
  await step('dependencies', (say) => installDependencies(wanted, say));
  // Both use packages, so they cannot be loaded before.
  const { ensureAdapter } = await import('./adapter.mjs');
  const { generateClient } = await import('./generate.mjs');
  await step('WebGPU adapter', ensureAdapter);
  await step('database client', generateClient);
  await step('weights', () => pullWeights(wanted.weights));
}

/** @param {'needed' | 'wanted'} urgency */
async function pullWeights(urgency) {
  const { register } = await import('tsx/esm/api');
  register();
  const { hasWeights } = await import('../../src/engine/weights/load.ts');
  const { DEFAULT_MODELS } = await import('../../src/engine/weights/manifest.ts');
  if (DEFAULT_MODELS.every(hasWeights)) return 'in the cache';
  const cli = join(root, 'scripts', 'facegraph.mjs');
  const code = await foreground([cli, 'weights', 'pull'], gpuVariables());
  if (code === 0) return 'pulled';
  if (urgency === 'needed')
    throw new SetupError('The weights could not be had (see above). Run this again to go on.');
  return 'not all of them: the tests that need them are skipped';
}
