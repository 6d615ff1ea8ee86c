import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gpuVariables } from './setup/environment.mjs';
import { prepare } from './setup/prepare.mjs';
import { main, step } from './setup/progress.mjs';
import { root, run } from './setup/run.mjs';
import { summary } from './setup/summary.mjs';

await main(async () => {
  process.chdir(root);
  await prepare({ dev: true, weights: 'wanted' });
  const checks = [
    await check('types', ['node_modules/typescript/bin/tsc', '--noEmit']),
    await check('linter', ['node_modules/@biomejs/biome/bin/biome', 'check']),
    await tests(),
  ];
  return checks.every(Boolean) ? 0 : 1;
});

/**
 * @param {string} name
 * @param {readonly string[]} args
 */
async function check(name, args) {
  let passed = true;
  await step(name, async () => {
    const { code, output } = await run(process.execPath, args);
    if (code === 0) return 'no complaint';
    passed = false;
    console.log(output.trimEnd());
    return 'FAILED, see above';
  });
  return passed;
}

async function tests() {
  const folder = await mkdtemp(join(tmpdir(), 'facegraph-test-'));
  const report = join(folder, 'report.json');
  try {
    const { code } = await run(
      process.execPath,
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...process.argv.slice(2),
      ],
      { env: gpuVariables(), show: true },
    );
    const { lines, failed } = summary(JSON.parse(await readFile(report, 'utf8')));
    console.log(lines.join('\n'));
    return code === 0 && failed === 0;
  } finally {
    await rm(folder, { recursive: true });
  }
}
