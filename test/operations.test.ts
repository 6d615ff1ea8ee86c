import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../src/api/operation/metrics.ts';
import { createRates } from '../src/api/operation/rates.ts';
import { createServer } from '../src/api/server.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const DETECT = `query Faces($image: ImageInput!) { detect(image: $image) {
  __typename ... on RateLimited { retryAfter } ... on Failure { message } } }`;
const IDENTIFY = `query ($image: ImageInput!) { identify(image: $image, gallery: { name: "secret-gallery" }) { __typename } }`;
const base64 = (file: Uint8Array) => Buffer.from(file).toString('base64');
const FACE = picture(PEOPLE.red);

/** Waits in `detect` until told; its faces are those of the double. */
function slowEngine(): FakeEngine & { wait: Promise<void>; waiting: number } {
  const engine = fakeEngine();
  const { detect } = engine;
  const slow = Object.assign(engine, { wait: Promise.resolve(), waiting: 0 });
  engine.detect = async (...given) => {
    slow.waiting++;
    await slow.wait;
    slow.waiting--;
    return detect(...given);
  };
  return slow;
}

/** V8's garbage collector, which is hidden unless a flag is set. */
function exposedGc(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}

describe('operations', () => {
  const engine = slowEngine();
  const lines: Record<string, unknown>[] = [];
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(engine, {
      directory: directory.path,
      log: (line) => lines.push(JSON.parse(line)),
    });
    await api.run('mutation { createGallery(name: "secret-gallery") { __typename } }');
    const enrol = `mutation ($image: ImageInput!) { enrolFace(image: $image, identity: { new: {
      gallery: { name: "secret-gallery" }, name: "secret-name" } }) { __typename } }`;
    await api.run(enrol, { variables: { image: { base64: base64(FACE) } } });
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  beforeEach(() => {
    lines.length = 0;
  });

  const post = (query: string, variables: object = {}, headers: Record<string, string> = {}) =>
    api.fetch('/graphql', {
      method: 'POST',
      body: JSON.stringify({ query, variables }),
      headers: { 'x-api-key': api.admin, 'content-type': 'application/json', ...headers },
    });

  it('keep nothing of a photograph once they are answered, though Prisma keeps their context', async () => {
    const { admit } = engine;
    let picture: WeakRef<object> | undefined;
    engine.admit = async (...given) => {
      const { image } = await admit(...given);
      picture = new WeakRef(image);
      return { image, release: () => void image };
    };
    try {
      const response = await post(IDENTIFY, { image: { base64: base64(FACE) } });
      expect(await response.json()).toMatchObject({
        data: { identify: { __typename: 'Identification' } },
      });
      expect(picture).toBeDefined();
    } finally {
      engine.admit = admit;
    }
    const collectGarbage = exposedGc();
    await vi.waitFor(() => {
      collectGarbage();
      // Not the picture itself: a failed expectation would keep it.
      expect(picture?.deref() === undefined).toBe(true);
    });
  });

  describe('log', () => {
    it('has one line for a request, with what it took and nothing of people', async () => {
      const response = await post(IDENTIFY, { image: { base64: base64(FACE) } });
      expect(response.status).toBe(200);
      const key = await api.database.client.apiKey.findFirstOrThrow({ where: { label: 'test' } });
      expect(lines).toEqual([
        {
          level: 'info',
          time: expect.stringMatching(/^\d{4}-.*Z$/),
          msg: 'request',
          id: response.headers.get('x-request-id'),
          status: 200,
          kind: 'query',
          fields: ['identify'],
          ms: expect.any(Number),
          stages: Object.fromEntries(
            ['decode', 'detect', 'embed', 'search'].map((stage) => [stage, expect.any(Number)]),
          ),
          key: key.id,
          images: 1,
          bytes: FACE.length,
        },
      ]);
      expect(JSON.stringify(lines)).not.toContain('secret');
    });

    it('names failures by their codes, those of unions too', async () => {
      await post(DETECT, { image: { base64: 'AAAA' } });
      await post('{ nonsense }');
      await post('{ health { faces } }', {}, { 'x-api-key': 'wrong' });
      await post(DETECT, { image: { base64: { secret: 1 } } });
      expect(lines.map(({ failures, fields }) => [failures, fields])).toEqual([
        [['UnsupportedImage'], ['detect']],
        [['GRAPHQL_VALIDATION_FAILED'], undefined],
        [['Unauthenticated'], ['health']],
        [['BAD_USER_INPUT'], ['detect']],
      ]);
      expect(lines[0].operation).toBe('Faces');
      expect(JSON.stringify(lines)).not.toContain('secret');
    });

    it('gives an unexpected error a line of its own with the id of its request', async () => {
      engine.failure = Object.assign(new Error('the cause'), { data: 'secret of a client' });
      const response = await post(DETECT, { image: { base64: base64(FACE) } });
      const [error, request] = lines;
      expect(error).toMatchObject({ level: 'error', error: { message: 'the cause' } });
      expect((error.error as { stack: string }).stack).toContain('operations.test.ts');
      expect(request.failures).toEqual(['INTERNAL_SERVER_ERROR']);
      expect([error.id, request.id]).toEqual(Array(2).fill(response.headers.get('x-request-id')));
      expect(JSON.stringify(lines)).not.toContain('secret');
    });

    it('takes a sane request id of the client, and no other', async () => {
      const idOf = async (given: string) =>
        (await post('{ __typename }', {}, { 'x-request-id': given })).headers.get('x-request-id');
      expect(await idOf('4bf92f35-77b3')).toBe('4bf92f35-77b3');
      for (const insane of ['a b', 'x'.repeat(129), '{"level":"error"}', '<script>'])
        expect(await idOf(insane)).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('keeps health checks and scrapes to its debug level', async () => {
      await api.fetch('/healthz');
      await api.fetch('/metrics');
      expect(lines.map(({ level, path }) => [level, path])).toEqual([
        ['debug', '/healthz'],
        ['debug', '/metrics'],
      ]);
    });
  });

  describe('timing', () => {
    it('is in the header and in the extensions', async () => {
      const response = await post(IDENTIFY, { image: { base64: base64(FACE) } });
      const { extensions } = (await response.json()) as { extensions: { timing: object } };
      const ms = expect.any(Number);
      const once = { ms, count: 1 };
      expect(extensions.timing).toEqual({
        decode: once,
        detect: once,
        embed: once,
        search: once,
        total: { ms },
      });
      expect(response.headers.get('server-timing')).toMatch(
        /^decode;dur=[\d.]+;desc="1", detect;dur=[\d.]+;desc="1", embed;.*, search;.*, total;dur=[\d.]+$/,
      );
    });

    it('of requests at once is not mixed up', async () => {
      let go = () => {};
      engine.wait = new Promise((resolve) => {
        go = resolve;
      });
      const two = `query ($image: ImageInput!) { a: detect(image: $image) { __typename } b: detect(image: $image) { __typename } }`;
      const variables = { image: { base64: base64(FACE) } };
      const slow = post(two, variables);
      const quick = await post('{ health { faces } }');
      await vi.waitUntil(() => engine.waiting === 2, { timeout: 30_000 });
      await new Promise((resolve) => setTimeout(resolve, 60));
      go();
      const counts = async (response: Response) => {
        const { timing } = ((await response.json()) as { extensions: { timing: never } })
          .extensions;
        const { decode, detect, embed } = timing as Record<string, { ms: number; count: number }>;
        return { decode: decode.count, detect: detect.count, embed: embed.count, ms: detect.ms };
      };
      expect(await counts(quick)).toEqual({ decode: 0, detect: 0, embed: 0, ms: 0 });
      const { ms, ...others } = await counts(await slow);
      expect(others).toEqual({ decode: 2, detect: 2, embed: 0 });
      expect(ms).toBeGreaterThan(20);
    });
  });

  describe('metrics', () => {
    const scrape = async () => (await api.fetch('/metrics')).text();
    const value = (text: string, series: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.split(' ')[1],
      );

    it('count fields by outcome, stages and images', async () => {
      const ok = 'facegraph_operations_total{field="detect",outcome="ok"}';
      const bad = 'facegraph_operations_total{field="detect",outcome="UnsupportedImage"}';
      const stage = 'facegraph_stage_seconds_count{stage="detect"}';
      const images = 'facegraph_images_total';
      const before = await scrape();
      await post(DETECT, { image: { base64: base64(FACE) } });
      await post(DETECT, { image: { base64: 'AAAA' } });
      const after = await scrape();
      const grown = [ok, bad, stage, images].map((series) => {
        return value(after, series) - (value(before, series) || 0);
      });
      expect(grown).toEqual([1, 1, 1, 2]);
    });

    it('tell what the process works with, without a key and without a name', async () => {
      const text = await scrape();
      expect(text).toContain('facegraph_adapter_info{vendor="test"');
      expect(text).toContain('facegraph_database_info{kind="PGlite"} 1');
      expect(value(text, 'facegraph_indexed_faces')).toBe(1);
      expect(value(text, 'facegraph_galleries')).toBe(1);
      expect(value(text, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
      expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
      expect(text).not.toContain('secret');
    });
  });
});

describe('rates', () => {
  it('let a rested key spend a minute’s share at once and then as much as a minute brings', () => {
    let now = 0;
    const { spend } = createRates(600, () => now);
    expect([spend('a', 500), spend('a', 100), spend('a', 1)]).toEqual([0, 0, 1]);
    expect(spend('b', 600)).toBe(0);
    expect(spend('a', 100)).toBe(10);
    now = 9_999;
    expect(spend('a', 100)).toBe(1);
    now = 10_000;
    expect(spend('a', 100)).toBe(0);
    now = 1e9;
    expect([spend('a', 9999), spend('a', 1)]).toEqual([0, 1]);
  });

  it('of 0 are no limit', () => {
    const { spend } = createRates(0);
    expect([spend('a', 1e12), spend('a', 1e12)]).toEqual([0, 0]);
  });
});

describe('limits', () => {
  const limits = {
    ratePerMinute: 5000,
    maxImageBytes: 50_000,
    maxRequestBytes: 150_000,
    maxImagePixels: 20_000_000,
    maxRequestPixels: 20_000_000,
    maxCost: 2000,
  };
  const engine = fakeEngine();
  // Its header says 16 megapixels; there are none.
  const large = picture(PEOPLE.red);
  new DataView(large.buffer).setUint32(16, 4000);
  new DataView(large.buffer).setUint32(20, 4000);
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(engine, { directory: directory.path, limits });
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const detects = (count: number) =>
    `query ($image: ImageInput!) { ${[...Array(count).keys()]
      .map((i) => `a${i}: detect(image: $image) { __typename ... on Failure { message } }`)
      .join(' ')} }`;
  const image = (file: Uint8Array) => ({ variables: { image: { base64: base64(file) } } });

  it('count images before anything is done', async () => {
    const key = await api.key('detect');
    const before = engine.detected;
    const { errors } = await api.run(detects(4), { ...image(FACE), key });
    expect(errors?.[0].message).toContain('maximum complexity');
    expect(engine.detected).toBe(before);
  });

  it('count every candidate that may come, and an embedding as the numbers it is', async () => {
    // A key each, since what is refused for its cost has spent its share too.
    const ask = async (query: string) =>
      api.run(`{ ${query} }`, { key: await api.key('identify', 'embed', 'gallery:read') });
    const identify = (top: number) =>
      ask(`identify(image: { base64: "" }, gallery: { name: "x" }, top: ${top}) { ... on Identification {
        faces { candidates { identity { faces(first: 5) { edges { node { id } } } } } } } }`);
    expect((await identify(100)).errors?.[0].message).toContain('maximum complexity');
    expect((await identify(5)).errors).toBeUndefined();
    const embed = (times: number) =>
      ask(`embed(image: { base64: "" }) { ... on Embeddings { faces {
        ${[...Array(times).keys()].map((i) => `e${i}: embedding`).join(' ')} } } }`);
    expect((await embed(20)).errors?.[0].message).toContain('maximum complexity');
    expect((await embed(1)).errors).toBeUndefined();
  });

  it('count the pixels of all images together', async () => {
    const key = await api.key('detect');
    const { data } = await api.run(detects(2), { ...image(large), key });
    expect(data.a0.__typename).toBe('UnsupportedImage');
    expect(data.a1).toEqual({
      __typename: 'ImageTooLarge',
      message: 'the images of the request have more than 20 megapixels together',
    });
  });

  it('hold for the bytes of an image and of a request', async () => {
    const key = await api.key('detect');
    const { data } = await api.run(detects(1), { ...image(new Uint8Array(60_000)), key });
    expect(data.a0.message).toBe('the image has more than 0.05 MB');
    const { status } = await api.run(detects(1), { ...image(new Uint8Array(120_000)), key });
    expect(status).toBe(413);
  });

  it('refuse a key that has spent its share, with the time to wait, and no other key', async () => {
    const key = await api.key('detect');
    const ask = (query: string) =>
      api.fetch('/graphql', {
        method: 'POST',
        body: JSON.stringify({ query, ...image(FACE) }),
        headers: { 'x-api-key': key, 'content-type': 'application/json' },
      });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask(detects(3))).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const before = engine.detected;
    const refused = await ask(detects(3));
    const { data, errors } = (await refused.json()) as { data?: object; errors: object[] };
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(refused.status).toBe(429);
    expect(data ?? null).toBeNull();
    expect(errors[0]).toMatchObject({ extensions: { code: 'RateLimited', retryAfter } });
    expect(retryAfter).toBeGreaterThan(1);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(engine.detected).toBe(before);
    expect((await api.run(detects(2), image(FACE))).status).toBe(200);
    expect(await (await api.fetch('/metrics')).text()).toContain('facegraph_rate_limited_total 2');
  });

  it('refuse those without a key by their address, and nobody else', async () => {
    const http = createHttpServer(createServer({ ...api.options, metrics: createMetrics() }));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    const ask = (key: string) =>
      fetch(`http://127.0.0.1:${port}/graphql`, {
        method: 'POST',
        body: JSON.stringify({ query: detects(3), ...image(FACE) }),
        headers: { 'x-api-key': key, 'content-type': 'application/json' },
      });
    const statuses = [];
    for (const key of ['fg_none', 'fg_other', '', 'fg_more'])
      statuses.push((await ask(key)).status);
    expect(statuses).toEqual([401, 401, 401, 429]);
    expect((await ask(await api.key('detect'))).status).toBe(200);
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });

  it('charge for pixels when they are known, as a member of the union', async () => {
    const key = await api.key('detect');
    for (let i = 0; i < 4; i++) await api.run(detects(2), { ...image(FACE), key });
    const { status, data } = await api.run(DETECT, { ...image(large), key });
    expect(status).toBe(200);
    expect(data.detect).toMatchObject({
      __typename: 'RateLimited',
      retryAfter: expect.any(Number),
    });
  });

  it('charge for the operation that is asked for, not for others of the document', async () => {
    const key = await api.key('detect');
    const query = `query A { health { faces } } ${detects(3).replace('query', 'query B')}`;
    const ask = (operationName: string) =>
      api.fetch('/graphql', {
        method: 'POST',
        body: JSON.stringify({ query, operationName, ...image(FACE) }),
        headers: { 'x-api-key': key, 'content-type': 'application/json' },
      });
    for (let i = 0; i < 20; i++) expect((await ask('A')).status).toBe(200);
    expect([(await ask('B')).status, (await ask('B')).status]).toEqual([200, 200]);
    expect([(await ask('B')).status, (await ask('B')).status]).toEqual([200, 429]);
  });
});
