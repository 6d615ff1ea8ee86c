import { gpuVariables } from './setup/environment.mjs';
import { prepare } from './setup/prepare.mjs';
import { main } from './setup/progress.mjs';
import { foreground, root } from './setup/run.mjs';

await main(async () => {
  process.chdir(root);
  await prepare({ dev: true, weights: 'needed' });
  const walk = ['--import', 'tsx', 'examples/walk.ts', ...process.argv.slice(2)];
  return foreground(walk, gpuVariables());
});
