/**
 * Time from the start of a process to its first answer (a face detected and embedded), with the
 * weights in the cache and the shaders in the driver's.
 *
 *   npm run bench -- ready [--runs N]
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: args } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' } },
});

const ANSWER = fileURLToPath(new URL('answer.ts', import.meta.url));

const times: number[] = [];
for (let run = 0; run < Number(args.runs) + 1; run++) {
  const from = performance.now();
  await new Promise<void>((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', ANSWER], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`ended with ${code}`))));
  });
  // The first run fills the driver's cache.
  if (run > 0) times.push(performance.now() - from);
}
times.sort((a, b) => a - b);
const seconds = (ms: number) => (ms / 1000).toFixed(1);
console.log(
  `process start to first answer, warm: median ${seconds(times[Math.floor(times.length / 2)])} s ` +
    `(${seconds(times[0])}–${seconds(times[times.length - 1])}, n ${times.length})`,
);
