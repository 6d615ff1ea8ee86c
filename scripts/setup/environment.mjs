import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './run.mjs';

// Beside the packages it was probed with: a new install probes anew.
const CHOICE = join(root, 'node_modules', '.facegraph', 'swiftshader.json');

/**
 * The environment variables that make the Vulkan loader take SwiftShader; they work only when set
 * before the process starts.
 * @param {string} folder with libvulkan.so.1, libvk_swiftshader.so and its ICD file
 * @returns {Record<string, string>}
 */
export function swiftshaderVariables(folder) {
  const path = process.env.LD_LIBRARY_PATH;
  return {
    LD_LIBRARY_PATH: path ? `${folder}:${path}` : folder,
    VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
  };
}

/**
 * The variables a process that uses the GPU needs beyond its own: none unless SwiftShader was
 * chosen because this machine has no other adapter.
 * @returns {Record<string, string>}
 */
export function gpuVariables() {
  if (!existsSync(CHOICE)) return {};
  const { folder } = JSON.parse(readFileSync(CHOICE, 'utf8'));
  const variables = swiftshaderVariables(folder);
  const icd = variables.VK_ICD_FILENAMES;
  return process.env.VK_ICD_FILENAMES === icd || !existsSync(icd) ? {} : variables;
}

/**
 * The variables of a process that serves for long: those for the GPU and, on Linux, one for glibc's
 * malloc. Left alone it takes each large block that is freed (a decoded picture) as a reason to
 * keep such blocks in its arenas, one a thread; those then never get smaller, and the more holes
 * they have the more they grow. Its own first threshold, held fixed, gives large blocks back.
 * @returns {Record<string, string>}
 */
export function serverVariables() {
  const { MALLOC_MMAP_THRESHOLD_: chosen, GLIBC_TUNABLES: tunables } = process.env;
  const leave = process.platform !== 'linux' || chosen || tunables?.includes('mmap_threshold');
  return { ...gpuVariables(), ...(leave ? {} : { MALLOC_MMAP_THRESHOLD_: '131072' }) };
}

/**
 * Remembers the folder of SwiftShader for `gpuVariables`, or that it is not needed.
 * @param {string | undefined} folder
 */
export function chooseSwiftshader(folder) {
  if (!folder) return rmSync(CHOICE, { force: true });
  mkdirSync(dirname(CHOICE), { recursive: true });
  writeFileSync(CHOICE, JSON.stringify({ folder }));
}
