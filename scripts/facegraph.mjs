#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gpuVariables, serverVariables } from './setup/environment.mjs';
import { foreground, root } from './setup/run.mjs';

const variables = process.argv[2] === 'serve' ? serverVariables() : gpuVariables();
if (!existsSync(join(root, 'node_modules', 'tsx'))) {
  console.error('facegraph: not installed yet; run `npm start` (or `npm test`) first');
  process.exitCode = 1;
} else if (Object.keys(variables).length > 0) {
  const self = fileURLToPath(import.meta.url);
  process.exitCode = await foreground([self, ...process.argv.slice(2)], variables);
} else {
  const { register } = await import('tsx/esm/api');
  register();
  await import('../src/cli/main.ts');
}
