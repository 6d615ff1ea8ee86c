/**
 * Times detection and embedding against onnxruntime on the same machine and prints one table; the
 * figures go to bench/results too, which git ignores unless told otherwise.
 *
 *   npm run bench [-- --rounds N] [--budget SECONDS] [--only TEXT]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

// The first run of every engine compiles its shaders, whatever ran on this machine before.
const shaders = await mkdtemp(join(tmpdir(), 'facegraph-bench-'));
process.env.MESA_SHADER_CACHE_DIR = shaders;

const { openGpu } = await import('../src/gpu/device.ts');
const { closeDecoder } = await import('../src/engine/image/decode.ts');
const { measure } = await import('./measure.ts');
const { photographs } = await import('./photographs.ts');
const { machineOf, saveResults } = await import('./resultPath.ts');
const { table } = await import('./table.ts');
const { detectTask, embedTask } = await import('./tasks.ts');

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '15' },
    budget: { type: 'string', default: '90' },
    only: { type: 'string', default: '' },
  },
});

const effort = { rounds: Number(args.rounds), budget: Number(args.budget) * 1000 };
const gpu = await openGpu();
const [small] = await photographs(640, 480, 1);
const [large] = await photographs(1280, 720, 1);
await closeDecoder();

const planned = [
  { name: 'detect 640×480', make: () => detectTask(small) },
  { name: 'detect 1280×720', make: () => detectTask(large) },
  ...['facenet-vggface2', 'senet50-vggface2', 'resnet50-vggface2'].flatMap((model) =>
    [1, 8].map((n) => ({
      name: `embed ${model} × ${n}`,
      make: () => embedTask(gpu, model, small, n),
    })),
  ),
].filter(({ name }) => name.includes(args.only));

const results: { what: string; timings: Awaited<ReturnType<typeof measure>> }[] = [];
for (const { name, make } of planned) {
  process.stderr.write(`${name} …\n`);
  const { what, contenders, verdict } = await make();
  const timings = await measure(contenders, effort);
  results.push({ what: verdict ? `${what}: ${verdict()}` : what, timings });
}

console.log(
  `${machineOf(gpu.adapter)}; Node ${process.versions.node}; rounds interleaved\n\n${table(results)}`,
);
await saveResults(gpu.adapter, '.json', results);
gpu.device.destroy();
await rm(shaders, { recursive: true });
