import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { root, run, SetupError } from './run.mjs';

const INPUTS = ['prisma/schema.prisma', 'prisma.config.ts', 'node_modules/prisma/package.json'];
const OUTPUTS = ['src/generated/prisma/client.ts', 'src/generated/pothos.ts'];
const STAMP = join(root, 'node_modules', '.facegraph', 'prisma.sha256');

/** Whether the generated code is there and made from the present schema. */
export async function isGenerated() {
  const made = existsSync(STAMP) ? await readFile(STAMP, 'utf8') : '';
  return made === (await inputs()) && OUTPUTS.every((path) => existsSync(join(root, path)));
}

/** Generates the Prisma client and its Pothos types unless `isGenerated`. */
export async function generateClient() {
  if (await isGenerated()) return 'up to date';
  const prisma = join(root, 'node_modules', 'prisma', 'build', 'index.js');
  const { code, output } = await run(process.execPath, [prisma, 'generate'], {
    env: {
      // The generator for Pothos is found by its name.
      PATH: join(root, 'node_modules', '.bin') + delimiter + process.env.PATH,
      // Generating needs no schema engine; any file that exists keeps Prisma from downloading one.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  });
  if (code !== 0) throw new SetupError(`prisma generate failed:\n${output.trim()}`);
  await mkdir(dirname(STAMP), { recursive: true });
  await writeFile(STAMP, await inputs());
  return 'generated';
}

async function inputs() {
  const hash = createHash('sha256');
  for (const path of INPUTS) hash.update(await readFile(join(root, path)));
  return hash.digest('hex');
}
