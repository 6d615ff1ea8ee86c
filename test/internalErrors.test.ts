import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog, loggable } from '../src/api/operation/log.ts';
import { createMetrics } from '../src/api/operation/metrics.ts';
import { schema } from '../src/api/schema.ts';
import { createServer } from '../src/api/server.ts';
import { limitsOf, readConfig } from '../src/config.ts';
import type { Engine } from '../src/engine/engine.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import type { PrismaClient } from '../src/generated/prisma/client.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { rootFields } from './api/rootFields.ts';

const SECRET = 'secret of the house';
// What they answer is in the program itself.
const INFALLIBLE = ['models'];

describe('an internal error', () => {
  const log: Record<string, unknown>[] = [];
  let broken = false;
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let server: ReturnType<typeof createServer>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
    const breakable = <T extends object>(whole: T) => failing(whole, () => broken);
    server = createServer({
      db: failingDatabase(api.database.client),
      engine: breakable<Engine>(fakeEngine()),
      indexes: breakable(api.indexes),
      jobs: breakable(api.jobs),
      searchLog: breakable(api.searchLog),
      databaseKind: 'PGlite',
      graphiql: false,
      accepting: () => true,
      limits: limitsOf(readConfig({ FACEGRAPH_RATE_PER_MINUTE: '0' })),
      metrics: createMetrics(),
      metricsEndpoint: true,
      log: createLog('info', { write: (line) => log.push(JSON.parse(line)) }),
    });
    broken = true;
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const ask = async (query: string) => {
    log.length = 0;
    const headers = { 'x-api-key': api.admin, 'content-type': 'application/json' };
    const body = JSON.stringify({ query });
    const init = { method: 'POST', headers, body };
    return server.fetch(new Request('http://localhost/graphql', init), {});
  };

  it.each(
    rootFields(schema)
      .filter(({ name }) => !INFALLIBLE.includes(name))
      .map((field) => [field.name, field] as const),
  )('of %s is told to the log alone', async (_name, field) => {
    // As deep as the server lets us look: of any node there are more fields than it allows.
    let response = await ask(field.operation({ depth: 3 }));
    let text = await response.text();
    if (text.includes('exceeds maximum')) {
      response = await ask(field.operation({ depth: 2 }));
      text = await response.text();
    }
    const { errors } = JSON.parse(text) as { errors: { message: string; extensions: object }[] };
    expect(errors.length).toBeGreaterThan(0);
    for (const { message, extensions } of errors) {
      expect(message).toBe('Unexpected error.');
      expect(extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR' });
    }
    expect(text).not.toMatch(/secret|\.ts\b|node_modules/);
    const told = log.filter(({ level }) => level === 'error');
    expect(told.length).toBeGreaterThan(0);
    for (const { error, id } of told) {
      expect(error).toMatchObject({ message: SECRET, stack: expect.stringContaining('.ts:') });
      expect(id).toBe(response.headers.get('x-request-id'));
    }
  });

  it('while the key is looked up is no different', async () => {
    const { apiKey } = api.database.client;
    const found = apiKey.findUnique;
    Object.assign(apiKey, { findUnique: () => Promise.reject(new Error(SECRET)) });
    try {
      const response = await ask('{ models { name } }');
      const text = await response.text();
      expect(text).toContain('Unexpected error.');
      expect(text).not.toContain('secret');
      expect(JSON.stringify(log)).toContain(SECRET);
    } finally {
      Object.assign(apiKey, { findUnique: found });
    }
  });

  it('of the database quotes no argument, which may be a name', async () => {
    const wrong = { data: { name: SECRET, galleryId: 5, galley: SECRET } } as never;
    const error = await api.database.client.identity.create(wrong).catch((e: Error) => e);
    expect(JSON.stringify(loggable(error))).toContain('Argument `galleryId`');
    expect(JSON.stringify(loggable(error))).not.toContain(SECRET);
  });

  it('of the database does not stop a scrape', async () => {
    broken = false;
    const response = await server.fetch(new Request('http://localhost/metrics'), {});
    expect(await response.text()).toMatch(/facegraph_galleries nan/i);
    broken = true;
  });
});

/** The same object; once broken, whatever is asked of it fails. */
function failing<T extends object>(whole: T, broken: () => boolean): T {
  return new Proxy(whole, {
    get(target, name) {
      if (!broken()) return Reflect.get(target, name);
      if (typeof Reflect.get(target, name) !== 'function') throw new Error(SECRET);
      return () => {
        throw new Error(SECRET);
      };
    },
  });
}

/** A database that knows keys and nothing else. */
function failingDatabase(client: PrismaClient): PrismaClient {
  const fail = () => Promise.reject(new Error(SECRET));
  const model = (name: string) =>
    new Proxy(
      {},
      {
        get: (_target, method) =>
          name === 'apiKey' && ['findUnique', 'updateMany'].includes(String(method))
            ? Reflect.get(client.apiKey, method)
            : fail,
      },
    );
  return new Proxy(client, {
    get: (_target, name) => (String(name).startsWith('$') ? fail : model(String(name))),
  });
}
