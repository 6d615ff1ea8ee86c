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
 * Remembers the folder of SwiftShader for `gpuVariables`, or that it is not needed.
 * @param {string | undefined} folder
 */
export function chooseSwiftshader(folder) {
  if (!folder) return rmSync(CHOICE, { force: true });
  mkdirSync(dirname(CHOICE), { recursive: true });
  writeFileSync(CHOICE, JSON.stringify({ folder }));
}
