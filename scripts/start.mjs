import { fileURLToPath } from 'node:url';
import { serverVariables } from './setup/environment.mjs';
import { prepare } from './setup/prepare.mjs';
import { main } from './setup/progress.mjs';
import { foreground, root } from './setup/run.mjs';

await main(async () => {
  process.chdir(root);
  await prepare({ dev: false, weights: 'needed' });
  const { demo } = await import('./setup/demo.mjs');
  const invitation = await demo(process.env.FACEGRAPH_DATA ?? '.data');
  const server = fileURLToPath(new URL('setup/serve.mjs', import.meta.url));
  return foreground([server, ...invitation], serverVariables());
});
