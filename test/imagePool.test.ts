import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg } from '../src/engine/image/encode.ts';
import { createPool, type Pool, WorkerFailure } from '../src/engine/image/pool.ts';
import { FacegraphError } from '../src/errors.ts';
import { flat, jpegFixture, segment } from './support/jpegFixture.ts';
import { gradient } from './support/pixels.ts';

interface Answer {
  readonly echo: string;
  readonly thread: number;
}

// A worker that does as it is told, badly where told so.
const OBEDIENT = `
  import { parentPort, threadId } from 'node:worker_threads';
  parentPort.on('message', (order) => {
    if (order === 'throw') throw new Error('on purpose');
    if (order === 'exit') process.exit(3);
    if (order === 'hang') for (;;);
    if (order === 'eat') for (const all = [];;) all.push(new Array(1e6).fill(0.5));
    setTimeout(() => parentPort.postMessage({ echo: order, thread: threadId }), 30);
  });
  parentPort.postMessage('ready');
`;

let pool: Pool<string, Answer>;

afterEach(() => pool?.close());
afterAll(closeDecoder);

describe('pool', () => {
  it('answers every job, two at a time', async () => {
    open(OBEDIENT);
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((order) => ask(order)));
    expect(answers.map(({ echo }) => echo)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(new Set(answers.map(({ thread }) => thread)).size).toBe(2);
  });

  it('runs one at a time what is too dear for two, and what is dearer than all', async () => {
    open(OBEDIENT);
    const answers = await Promise.all([60, 60, 200].map((cost) => ask('x', { cost })));
    expect(new Set(answers.map(({ thread }) => thread)).size).toBe(1);
  });

  it.each([
    ['throw', /crashed \(on purpose\)/],
    ['exit', /stopped with code 3/],
    ['hang', /took longer than 0.3 s/],
    ['eat', /crashed \(.*memory/],
  ])('a worker told to %s fails its own job only', async (order, reason) => {
    open(OBEDIENT);
    const timeout = order === 'hang' ? 300 : 60_000;
    const bad = [ask(order, { timeout }), ask(order, { timeout }), ask(order, { timeout })];
    const good = ['a', 'b', 'c'].map((text) => ask(text));
    for (const job of await Promise.allSettled(bad)) {
      expect(job).toMatchObject({ status: 'rejected', reason: expect.any(WorkerFailure) });
      expect((job as PromiseRejectedResult).reason.message).toMatch(reason);
    }
    expect((await Promise.all(good)).map(({ echo }) => echo)).toEqual(['a', 'b', 'c']);
  });

  it('a worker that cannot start is a fault of ours, not of the job', async () => {
    open('import "no-such-package-at-all";');
    const error = await ask('a').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(WorkerFailure);
  });

  it('close waits for what was accepted', async () => {
    open(OBEDIENT);
    const echoes: string[] = [];
    for (const text of ['a', 'b', 'c']) ask(text).then(({ echo }) => echoes.push(echo));
    await pool.close();
    expect(echoes.sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('decoder', () => {
  it('gives up on a picture made to take hours, and serves others meanwhile', async () => {
    const other = encodeJpeg(gradient(64, 48));
    const bomb = scanBomb();
    const started = performance.now();
    const stuck = [decodeImage(bomb), decodeImage(bomb)].map((p) => p.catch((e: Error) => e));
    const served = decodeImage(other);
    for (const error of await Promise.all(stuck)) {
      expect(error).toBeInstanceOf(FacegraphError);
      expect(error).toMatchObject({
        code: 'UnsupportedImage',
        message: expect.stringMatching(/took longer than/),
      });
    }
    expect((await served).width).toBe(64);
    expect(performance.now() - started).toBeLessThan(60_000);
  });

  it('starts anew after it was closed', async () => {
    await closeDecoder();
    expect((await decodeImage(encodeJpeg(gradient(64, 48)))).height).toBe(48);
  });
});

function open(source: string): void {
  const script = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  pool = createPool(script, { threads: 2, budget: 100, limits: { entries: 4, bytes: 1000 } });
}

function ask(request: string, { cost = 1, timeout = 60_000 } = {}): Promise<Answer> {
  return pool.run({ request, transfer: [], cost, timeout });
}

// A small progressive picture with 700,000 legal scans of 12 bytes, each a pass over all of its 10,000 blocks: the code
// 0 stands for "the next 16,384 blocks are done".
function scanBomb(): Uint8Array {
  const size = { width: 800, height: 800 };
  const file = jpegFixture({ ...size, progressive: true, components: [flat(1, 9)] });
  const table = segment(0xc4, [0x10, 1, ...Array(15).fill(0), 0xe0]);
  const scan = [...segment(0xda, [1, 1, 0, 1, 63, 0]), 0x00, 0x01];
  const scans = Buffer.alloc(700_000 * scan.length, Uint8Array.from(scan));
  return Buffer.concat([file.subarray(0, -2), table, scans, file.subarray(-2)]);
}
