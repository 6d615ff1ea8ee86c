import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from 'tar';

/** How the server treats the next request for the tarball, then the one after it, and so on. */
export type Behaviour =
  | 'whole'
  /** Breaks the connection after half of what was asked for. */
  | 'cut'
  /** Sends everything though a range was asked for. */
  | 'ignore-range'
  /** Only with npm's credentials. */
  | 'auth'
  /** Sends other bytes of the same length. */
  | 'tamper';

/** A request for the tarball as it came. */
export interface Seen {
  readonly range?: string;
  readonly authorised: boolean;
}

/** An npm registry on 127.0.0.1 with one package of given files, and npm's environment for it. */
export interface Registry {
  readonly package: string;
  readonly tarballUrl: string;
  readonly tarball: Buffer;
  readonly seen: Seen[];
  /** Consumed one per request for the tarball; 'whole' when empty. */
  behaviours: Behaviour[];
  readonly environment: Record<string, string>;
  close(): Promise<void>;
}

const NAME = 'facegraph-test-weights';
const VERSION = '1.2.3';
const TOKEN = 'npm_only_npm_knows';

/** Starts the registry. @param files content by path inside the package. */
export async function startRegistry(files: Record<string, Uint8Array>): Promise<Registry> {
  const directory = await mkdtemp(join(tmpdir(), 'facegraph-registry-'));
  const tarball = await pack(directory, files);
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    if (request.url === `/${NAME}`) return document(response);
    if (request.url === `/${NAME}.tgz`) return serve(request, response);
    response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tarballUrl = `http://${origin}/${NAME}.tgz`;
  const npmrc = join(directory, 'npmrc');
  await writeFile(npmrc, `registry=http://${origin}/\n//${origin}/:_authToken=${TOKEN}\n`);

  const registry: Registry = {
    package: `${NAME}@${VERSION}`,
    tarballUrl,
    tarball,
    seen,
    behaviours: [],
    environment: {
      npm_config_userconfig: npmrc,
      npm_config_registry: `http://${origin}/`,
      npm_config_cache: join(directory, 'npm-cache'),
      npm_config_fetch_retries: '0',
    },
    async close() {
      await closeServer(server);
      await rm(directory, { recursive: true });
    },
  };

  function document(response: ServerResponse): void {
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const version = { name: NAME, version: VERSION, dist: { tarball: tarballUrl, integrity } };
    response.setHeader('content-type', 'application/json').end(
      JSON.stringify({
        name: NAME,
        'dist-tags': { latest: VERSION },
        versions: { [VERSION]: version },
      }),
    );
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const behaviour = registry.behaviours.shift() ?? 'whole';
    const authorised = request.headers.authorization === `Bearer ${TOKEN}`;
    const { range } = request.headers;
    seen.push({ range, authorised });
    if (behaviour === 'auth' && !authorised) return void response.writeHead(401).end();
    const from =
      behaviour === 'ignore-range' ? 0 : Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    const body = Buffer.from(tarball.subarray(from));
    if (behaviour === 'tamper') body[body.length >> 1] ^= 1;
    response.setHeader('content-length', body.length);
    if (from > 0)
      response.writeHead(206, {
        'content-range': `bytes ${from}-${tarball.length - 1}/${tarball.length}`,
      });
    if (behaviour !== 'cut') return void response.end(body);
    response.write(body.subarray(0, body.length >> 1), () => response.destroy());
  }

  return registry;
}

async function pack(directory: string, files: Record<string, Uint8Array>): Promise<Buffer> {
  const manifest = Buffer.from(JSON.stringify({ name: NAME, version: VERSION }));
  for (const [path, content] of Object.entries({ 'package.json': manifest, ...files })) {
    const target = join(directory, 'package', path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
  const file = join(directory, 'package.tgz');
  await create({ cwd: directory, file, gzip: true }, ['package']);
  return readFile(file);
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
