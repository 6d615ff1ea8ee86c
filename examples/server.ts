import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A server that the walk started for itself. */
export interface Server {
  /** E.g. `http://127.0.0.1:40123`. */
  readonly origin: string;
  /** The admin key of its first start. */
  readonly key: string;
  stop(): Promise<void>;
}

const FACEGRAPH = fileURLToPath(new URL('../scripts/facegraph.mjs', import.meta.url));
const READY = /ready: (http:\/\/[^/]+)\/graphql[\s\S]*?\n {2}(fg_\S+)/;

/** Starts a server of an empty data directory on a free port; ready when this resolves. */
export async function startServer(data: string): Promise<Server> {
  const child = spawn(process.execPath, [FACEGRAPH, 'serve'], {
    env: { ...process.env, FACEGRAPH_DATA: data, PORT: '0', FACEGRAPH_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const [, origin, key] = await new Promise<RegExpExecArray>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const ready = READY.exec(text);
      if (ready) resolve(ready);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${text}`)));
  });
  return {
    origin,
    key,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
