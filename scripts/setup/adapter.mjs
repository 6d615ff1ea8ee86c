import { join } from 'node:path';
import { register } from 'tsx/esm/api';
import { chooseSwiftshader, gpuVariables, swiftshaderVariables } from './environment.mjs';
import { advice, thisMachine, ways } from './machine.mjs';
import { installMesa } from './mesa.mjs';
import { root, run, SetupError } from './run.mjs';
import { fetchSwiftshader } from './swiftshader.mjs';

/** @typedef {import('../../src/gpu/device.ts').AdapterSummary} AdapterSummary */

/**
 * Makes sure that Dawn finds an adapter, and says which.
 * @param {import('./progress.mjs').Say} say
 */
export async function ensureAdapter(say) {
  const own = await probe({});
  if (own.adapter) {
    chooseSwiftshader(undefined);
    return describe(own.adapter);
  }
  const chosen = await probe(gpuVariables());
  if (chosen.adapter) return slow(chosen.adapter, say);
  say(`none found: ${own.reason}`);
  for (const way of ways(thisMachine())) {
    try {
      const { adapter, reason } = await tryWay(way, say);
      if (adapter) return way === 'swiftshader' ? slow(adapter, say) : describe(adapter);
      say(`${way}: still none (${reason})`);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      say(`${way}: ${error.message}`);
    }
  }
  throw new SetupError(`No WebGPU adapter, and none could be installed. What to do:\n  ${help()}`);
}

/** The advice of machine.mjs for this machine. */
export function help() {
  return advice(thisMachine(), process.execPath);
}

/**
 * What Dawn finds in a process with these environment variables.
 * @param {Record<string, string>} variables
 * @returns {Promise<{adapter?: AdapterSummary, reason?: string}>}
 */
export async function probe(variables) {
  const script = join(root, 'scripts', 'setup', 'probe.mjs');
  const result = await run(process.execPath, [script], { env: variables, seconds: 60 });
  if (result.code !== 0) return { reason: lastLine(result.output) || `exit code ${result.code}` };
  const adapter = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
  if (!adapter) return { reason: 'Dawn lists no adapter' };
  if (!adapter.features.includes('subgroups'))
    return { reason: `${adapter.description} has no subgroup operations` };
  return { adapter };
}

/**
 * @param {'mesa' | 'swiftshader'} way
 * @param {import('./progress.mjs').Say} say
 */
async function tryWay(way, say) {
  if (way === 'mesa') {
    await installMesa(say);
    return probe({});
  }
  register();
  const { cacheDir } = await import('../../src/engine/weights/cache.ts');
  const folder = await fetchSwiftshader(cacheDir(), say);
  const found = await probe(swiftshaderVariables(folder));
  if (found.adapter) chooseSwiftshader(folder);
  return found;
}

/** @param {AdapterSummary} adapter */
function describe(adapter) {
  return adapter.software ? `${adapter.description} (in software)` : adapter.description;
}

/**
 * @param {AdapterSummary} adapter
 * @param {import('./progress.mjs').Say} say
 */
function slow(adapter, say) {
  say(`SwiftShader is about ten times slower than Mesa's software driver; for that one: ${help()}`);
  return describe(adapter);
}

/** @param {string} text */
function lastLine(text) {
  return text.trim().split('\n').at(-1)?.trim();
}
