import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { gpuVariables } from '../scripts/setup/environment.mjs';

const ROOT = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'facegraph-shutdown-'));
const running: ChildProcess[] = [];
const PATIENT = { timeout: 20_000 };

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly key: string;
  readonly stdout: () => string;
  readonly log: () => Record<string, unknown>[];
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('a server that is told to stop', () => {
  it('answers what it has begun, takes nothing new, and exits with 0', async () => {
    const server = await start('drained', { FACEGRAPH_METRICS: '0' });
    const [metrics] = server.stdout().match(/http:\S+\/metrics/)!;
    expect(await (await fetch(metrics)).text()).toContain('facegraph_adapter_info');
    expect((await fetch(new URL('/metrics', server.url))).status).toBe(404);
    const request = slowUpload(server);
    await request.begun;
    server.child.kill('SIGTERM');
    await expect.poll(server.stdout, PATIENT).toContain('stopping');
    // As from a launcher that passes on what the whole group got.
    server.child.kill('SIGTERM');
    await expect.poll(() => refused(server.url), PATIENT).toBe(true);
    request.finish();
    expect(await request.answer).toMatchObject({ data: { health: { faces: 0 } } });
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.stdout()).toContain('stopped');
    expect(server.log().map(({ status, fields }) => [status, fields])).toEqual([[200, ['health']]]);
  });

  it('ends at once when it is told twice', async () => {
    const server = await start('twice');
    const request = slowUpload(server);
    await request.begun;
    server.child.kill('SIGTERM');
    await expect.poll(server.stdout, PATIENT).toContain('stopping');
    await setTimeout(1_100);
    server.child.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 1, signal: null });
    await expect(request.answer).rejects.toThrow();
  });
});

async function start(name: string, more: Record<string, string> = {}): Promise<Server> {
  const ours = { PORT: '0', FACEGRAPH_DATA: join(folder, name), ...more };
  const env = { ...process.env, ...gpuVariables(), ...ours };
  // Without the launcher in between, which would have to pass signals on.
  const args = ['--import', 'tsx/esm', join(ROOT, 'src/main.ts')];
  const child = spawn(process.execPath, args, { env, cwd: ROOT });
  running.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<Awaited<Server['ended']>>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  await Promise.race([
    expect.poll(() => stdout, { timeout: 90_000 }).toMatch(/ready:[\s\S]*fg_/),
    ended.then(() => Promise.reject(new Error(`it ended: ${stderr}`))),
  ]);
  return {
    child,
    url: stdout.match(/http:\S+\/graphql/)![0],
    key: stdout.match(/fg_[\w-]{43}/)![0],
    stdout: () => stdout,
    log: () =>
      stderr
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    ended,
  };
}

/** A request whose body has come only half until `finish`. */
function slowUpload({ url, key }: Server) {
  let finish = () => {};
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode('{"query":"{ health '));
      finish = () => {
        controller.enqueue(encoder.encode('{ faces } }"}'));
        controller.close();
      };
    },
    // What was sent is on its way to a server on this machine.
    pull: () => void setTimeout(300).then(begin),
  });
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
  const answer = fetch(url, init).then((response) => response.json());
  // Until somebody looks at it.
  answer.catch(() => undefined);
  return { begun, finish: () => finish(), answer };
}

function refused(url: string): Promise<boolean> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}
