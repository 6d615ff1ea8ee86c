import { existsSync, readFileSync } from 'node:fs';

/**
 * What decides how a WebGPU adapter can be had.
 * @typedef {{platform: string, arch: string, glibc: boolean, root: boolean, apt: boolean, release: Record<string, string>}} Machine
 *   `release`: /etc/os-release
 */

/**
 * This machine.
 * @returns {Machine}
 */
export function thisMachine() {
  const linux = process.platform === 'linux';
  return {
    platform: process.platform,
    arch: process.arch,
    glibc: linux && !existsSync('/etc/alpine-release'),
    root: process.getuid?.() === 0,
    apt: existsSync('/usr/bin/apt-get'),
    release: existsSync('/etc/os-release')
      ? parseRelease(readFileSync('/etc/os-release', 'utf8'))
      : {},
  };
}

/**
 * The variables of an os-release file.
 * @param {string} text
 * @returns {Record<string, string>}
 */
export function parseRelease(text) {
  const entries = [...text.matchAll(/^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/gm)];
  return Object.fromEntries(entries.map((m) => [m[1], m[2] ?? m[3] ?? m[4]]));
}

/**
 * The ways to get an adapter that are open on a machine where Dawn finds none, best first.
 * @param {Machine} machine
 * @returns {('mesa' | 'swiftshader')[]}
 */
export function ways(machine) {
  if (machine.platform !== 'linux' || !machine.glibc) return [];
  return [
    ...(usesApt(machine) && machine.root ? /** @type {const} */ (['mesa']) : []),
    ...(machine.arch === 'x64' ? /** @type {const} */ (['swiftshader']) : []),
  ];
}

/**
 * What a person can do to get an adapter, or a faster one: one line with the exact command.
 * @param {Machine} machine
 * @param {string} node path of the node program
 */
export function advice(machine, node) {
  if (machine.platform === 'darwin')
    return 'WebGPU needs Metal: use macOS 13 or newer on a Mac, or a virtual machine with a graphics device.';
  if (machine.platform === 'win32')
    return "WebGPU needs Direct3D 12: install the current driver of the graphics card's maker.";
  if (machine.platform !== 'linux')
    return `The webgpu package has no build for ${machine.platform}: use Linux, macOS or Windows.`;
  if (!machine.glibc)
    return 'The webgpu package needs glibc, which this Linux lacks: use Debian, Ubuntu or Fedora (in Docker: node:22-bookworm).';
  const sudo = machine.root ? '' : 'sudo ';
  if (usesApt(machine)) return `${sudo}${node} scripts/setup/mesa.mjs`;
  const family = `${machine.release.ID} ${machine.release.ID_LIKE ?? ''}`;
  if (/fedora|rhel/.test(family)) return `${sudo}dnf install mesa-vulkan-drivers vulkan-loader`;
  if (/arch/.test(family)) return `${sudo}pacman -S vulkan-swrast vulkan-icd-loader`;
  if (/suse/.test(family)) return `${sudo}zypper install libvulkan_lvp libvulkan1`;
  return "Install Mesa's Vulkan drivers (25 or newer) and the Vulkan loader with your package manager.";
}

/** @param {Machine} machine */
function usesApt(machine) {
  const family = `${machine.release.ID} ${machine.release.ID_LIKE ?? ''}`;
  return machine.apt && /debian|ubuntu/.test(family);
}
