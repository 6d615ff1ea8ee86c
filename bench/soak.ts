/**
 * Detects and embeds over and over and watches the process's memory: the resident set must not grow.
 *
 *   npm run bench -- soak [--calls N] [--model NAME]
 */
import { parseArgs } from 'node:util';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { photographs } from './photographs.ts';

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    calls: { type: 'string', default: '1000' },
    model: { type: 'string', default: 'facenet-vggface2' },
  },
});

/** Calls before the first reading: plans, pools and the JavaScript heap find their size. */
const WARM_UP = 50;
const READINGS = 10;
const MB = 1e6;

const calls = Number(args.calls);
const images = await photographs(640, 480);
await closeDecoder();
const engine = await openEngine();
const embedder = await engine.embedder(args.model);

const work = async (count: number) => {
  let faces = 0;
  for (let i = 0; i < count; i++) {
    const image = images[i % images.length];
    const found = await engine.detect(image);
    faces += (await embedder.embed(image, found)).length;
  }
  return faces;
};

process.stderr.write(`${WARM_UP} calls to warm up …\n`);
await work(WARM_UP);
const first = process.memoryUsage().rss;
const started = performance.now();
let faces = 0;
let last = first;
for (let reading = 1; reading <= READINGS; reading++) {
  faces += await work(Math.round(calls / READINGS));
  last = process.memoryUsage().rss;
  const { heapUsed } = process.memoryUsage();
  const done = Math.round((calls / READINGS) * reading);
  console.log(
    `${String(done).padStart(6)} calls  resident ${(last / MB).toFixed(0)} MB  heap ${(heapUsed / MB).toFixed(0)} MB`,
  );
}
const each = (performance.now() - started) / calls;
console.log(
  `${engine.adapter.description}: ${calls} detect + embed calls at 640×480, ${faces} faces, ${each.toFixed(0)} ms each; ` +
    `resident set grew by ${((last - first) / MB).toFixed(1)} MB`,
);
await engine.close();
