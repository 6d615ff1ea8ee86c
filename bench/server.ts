/**
 * The real server under load: clients, each with a key of its own, that send one photograph after
 * another, half of them to `detect`, half to `identify`. The measure is the engine itself, doing the
 * same (decode, detect, embed, search) as often at once without a server around it, before and after.
 * Prints a table and saves what it is made of as bench/results/<date>-<adapter>-server.json.
 *
 *   npm run bench -- server [--clients 32] [--minutes 10]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient, graphql } from '../examples/client.ts';
import { startServer } from '../examples/server.ts';
import { inNameOf } from '../src/engine/caller.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg } from '../src/engine/image/encode.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { spread } from '../src/engine/spread.ts';
import { DEFAULT_MODELS } from '../src/engine/weights/manifest.ts';
import { type Load, load } from './load.ts';
import { photographs } from './photographs.ts';
import { saveResults } from './resultPath.ts';
import { type Reading, scrape } from './scrape.ts';

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    clients: { type: 'string', default: '32' },
    minutes: { type: 'string', default: '10' },
  },
});
const clients = positive('clients', args.clients);
const seconds = positive('minutes', args.minutes) * 60;

/** Readings of the server's memory and lag; its lag begins anew with each. */
const READ_EVERY_MS = 10_000;
const MINUTE = 60_000;
const [, MODEL] = DEFAULT_MODELS;
const GALLERY = 'bench';

const CREATE = graphql('mutation ($name: String!) { createGallery(name: $name) { __typename } }');
const KEY = graphql(`mutation ($label: String!) {
  createApiKey(label: $label, scopes: [DETECT, IDENTIFY]) {
    __typename ... on CreatedApiKey { secret } ... on Failure { message }
  }
}`);
const ENROL = graphql(`mutation ($image: ImageInput!, $name: String!, $gallery: String!) {
  enrolFace(image: $image, face: 0, identity: { new: { gallery: { name: $gallery }, name: $name } }) {
    __typename
  }
}`);
const DETECT = graphql(`query ($image: ImageInput!) {
  detect(image: $image) { __typename ... on Detection { faces { box { x } } } }
}`);
const IDENTIFY = graphql(`query ($image: ImageInput!, $gallery: String!) {
  identify(image: $image, gallery: { name: $gallery }) {
    __typename
    ... on Identification { faces { match { identity { name } } } }
  }
}`);

const files = (await photographs(640, 480)).map((image) => encodeJpeg(image));
await closeDecoder();

// Long enough that what else the machine does hits both alike.
const alone = Math.max(20, seconds / 5);
const before = await engineAlone('before');
const { server, readings, adapterLine } = await serverUnderLoad();
const after = await engineAlone('after');
report();
await saveResults({ description: adapterLine }, '-server.json', {
  clients,
  seconds,
  before: figuresOf(before),
  server: figuresOf(server),
  after: figuresOf(after),
  readings,
});

/** The engine with as many callers at once. */
async function engineAlone(when: string): Promise<Load> {
  const engine = await openEngine();
  await engine.warmUp();
  const embedder = await engine.embedder(MODEL);
  const index = engine.index(embedder.dimensions);
  for (const [i, file] of files.entries()) {
    const image = await decodeImage(file);
    const [face] = await engine.detect(image);
    if (face) index.add(String(i), (await embedder.embed(image, [face]))[0]);
  }
  const once = async (client: number, turn: number) => {
    const image = await decodeImage(files[(client + turn) % files.length]);
    const faces = await engine.detect(image);
    if (!identifies(client, turn) || faces.length === 0) return;
    await index.search(await embedder.embed(image, faces), 4);
  };
  const done = await load({
    clients,
    seconds: alone,
    label: `engine alone, ${when}`,
    work: (client, turn) =>
      inNameOf({ client: String(client), priority: 'request' }, () => once(client, turn)),
  });
  index.destroy();
  await Promise.all([engine.close(), closeDecoder()]);
  return done;
}

async function serverUnderLoad() {
  const folder = await mkdtemp(join(tmpdir(), 'facegraph-bench-'));
  const { origin, key, stop } = await startServer(folder);
  try {
    const url = `${origin}/graphql`;
    const admin = createClient(url, key);
    await admin.run(CREATE, { name: GALLERY });
    const images = files.map((file) => ({ file: new Blob([new Uint8Array(file)]) }));
    for (const [i, image] of images.entries())
      await admin.run(ENROL, { image, name: `person ${i}`, gallery: GALLERY });
    const callers = await Promise.all(
      Array.from({ length: clients }, async (_, i) => {
        const { createApiKey: made } = await admin.run(KEY, { label: `client ${i}` });
        if (made.__typename !== 'CreatedApiKey') throw new Error(made.message);
        return createClient(url, made.secret);
      }),
    );
    const readings: Reading[] = [];
    const read = async () => void readings.push(await scrape(`${origin}/metrics`));
    // What starting and enrolling did to the event loop does not count.
    await scrape(`${origin}/metrics`);
    const reading = setInterval(read, READ_EVERY_MS);
    const server = await load({
      clients,
      seconds,
      label: 'server',
      async work(client, turn) {
        const image = images[(client + turn) % images.length];
        const answer = identifies(client, turn)
          ? (await callers[client].run(IDENTIFY, { image, gallery: GALLERY })).identify
          : (await callers[client].run(DETECT, { image })).detect;
        if (!['Detection', 'Identification'].includes(answer.__typename))
          throw new Error(answer.__typename);
      },
    });
    clearInterval(reading);
    await read();
    return { server, readings, adapterLine: readings[0].adapter };
  } finally {
    await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function report(): void {
  const own = (before.perSecond + after.perSecond) / 2;
  // By Little's law a request takes so long on average, whatever the order.
  const fair = clients / server.perSecond;
  const { p50, p95, p99 } = server.latency;
  const last = readings[readings.length - 1];
  const begin = readings[0].at - READ_EVERY_MS;
  const first = resident(begin + MINUTE, begin + 2 * MINUTE);
  const end = resident(last.at - MINUTE, last.at);
  const lag = Math.max(...readings.map(({ lagP99 }) => lagP99));
  const counts = server.perClient;
  const s = (value: number) => value.toFixed(2);
  const rows: [what: string, value: string, bar: string][] = [
    ['engine alone, before and after', `${s(before.perSecond)}, ${s(after.perSecond)} /s`, ''],
    ['server', `${s(server.perSecond)} /s`, ''],
    ['server ÷ engine', s(server.perSecond / own), '≥ 0.9'],
    ['latency p50, p95, p99', `${s(p50)}, ${s(p95)}, ${s(p99)} s`, ''],
    ['p95 ÷ (clients × service time)', s(p95 / fair), '≤ 3'],
    ['errors', `${server.errors.size === 0 ? 'none' : told(server.errors)}`, 'none'],
    ['requests of a client, least and most', `${Math.min(...counts)}, ${Math.max(...counts)}`, ''],
    ['faces of an embedding batch, mean', s(last.facesPerBatch), ''],
    ['resident set, second minute → last', `${mb(first)} → ${mb(end)} MB`, ''],
    ['resident set, growth', `${mb(end - first)} MB`, '< 20 MB'],
    ['event loop lag, p99 of the worst 10 s', `${(lag * 1000).toFixed(1)} ms`, '< 50 ms'],
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
  console.log(
    `${adapterLine}: ${clients} clients, ${(seconds / 60).toFixed(1)} minutes, 640×480, ${server.count} requests, half detect, half identify`,
  );
  for (const [what, value, bar] of rows)
    console.log(`  ${what.padEnd(widths[0])}  ${value.padStart(widths[1])}  ${bar}`.trimEnd());
}

/** Bytes, the median of the readings in between: single ones are up to 25 MB off for a moment. */
function resident(from: number, to: number): number {
  const within = readings.filter(({ at }) => at >= from && at <= to);
  return spread((within.length > 0 ? within : readings).map((one) => one.resident)).median;
}

function figuresOf({ errors, ...figures }: Load) {
  return { ...figures, errors: Object.fromEntries(errors) };
}

function identifies(client: number, turn: number): boolean {
  return (client + turn) % 2 === 1;
}

function told(errors: ReadonlyMap<string, number>): string {
  return [...errors].map(([message, count]) => `${count} × ${message}`).join('; ');
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  console.error(`bench: --${name} is ${text}: give a number above 0`);
  process.exit(1);
}
