import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { npm, SetupError } from './run.mjs';

// Chromium for AWS Lambda; a part of it is Google's SwiftShader (Apache-2.0), built for glibc on x64.
const PACKAGE = '@sparticuz/chromium@143.0.4';
const INTEGRITY =
  'sha512-/6I7uQTRhRDD2/gGPQ1Gkf+Dqk0RYDACPJDZfSzz0OWk4JmUTonNHPXbrn6UIklOHlnDLf8xAAzkOZKB/cJpLA==';
const ARCHIVE = 'package/bin/swiftshader.tar.br';
const FILES = ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json'];

/**
 * Puts SwiftShader into the cache unless it is there.
 * @param {string} cache facegraph's cache directory
 * @param {import('./progress.mjs').Say} say
 * @returns {Promise<string>} the folder with the loader, the driver and its ICD file
 */
export async function fetchSwiftshader(cache, say) {
  const folder = join(cache, basename(PACKAGE).replace('chromium@', 'swiftshader-'));
  if (FILES.every((name) => existsSync(join(folder, name)))) return folder;
  say(`fetching SwiftShader, a software Vulkan driver, out of ${PACKAGE} (67 MB)`);
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.part-`);
  try {
    const { code, output } = await npm(['pack', PACKAGE, '--pack-destination', work]);
    if (code !== 0) throw new SetupError(`npm pack ${PACKAGE} failed: ${output.trim()}`);
    const tarball = join(work, 'sparticuz-chromium-143.0.4.tgz');
    const found = `sha512-${createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64')}`;
    if (found !== INTEGRITY) throw new SetupError(`${PACKAGE} is ${found}, wanted ${INTEGRITY}`);
    const { extract } = await import('tar');
    await extract({ file: tarball, cwd: work }, [ARCHIVE]);
    const unpacked = join(work, 'unpacked');
    await mkdir(unpacked);
    await extract({ file: join(work, ARCHIVE), cwd: unpacked, brotli: true }, FILES);
    await rm(folder, { recursive: true, force: true });
    await rename(unpacked, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}
