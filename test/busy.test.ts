import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdmission } from '../src/engine/admission.ts';
import { currentCaller } from '../src/engine/caller.ts';
import { DEFAULT_QUEUE } from '../src/engine/fairQueue.ts';
import { createGpuQueue } from '../src/engine/gpuQueue.ts';
import { closeDecoder, setUpDecoder } from '../src/engine/image/decode.ts';
import { engineBusy } from '../src/errors.ts';
import { type FakeEngine, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const DETECT = `query ($image: ImageInput!) { detect(image: $image) {
  __typename ... on EngineBusy { retryAfter } ... on Failure { message } } }`;
const ENTRIES = 4;
const PATIENT = { timeout: 20_000 };

/** The double behind a real queue that stands still until `open`. */
function queued(engine: FakeEngine, metrics: () => Api['options']['metrics'] | undefined) {
  const queue = createGpuQueue({
    limits: { ...DEFAULT_QUEUE, entries: ENTRIES },
    observe: {
      length: (n) => metrics()?.gpuQueue.length(n),
      waited: (ms) => metrics()?.gpuQueue.waited(ms),
    },
  });
  const { detect } = engine;
  const { admit, placeOf } = createAdmission(queue);
  const order: (string | undefined)[] = [];
  let open = () => {};
  let decoded = 0;
  engine.admit = (size, decode) =>
    admit(size, async (gone) => {
      decoded++;
      return decode(gone);
    });
  engine.detect = (image, options) =>
    queue.run(
      async () => {
        order.push(currentCallerOf(image));
        return detect(image, options);
      },
      image.data.length,
      placeOf(image),
    );
  return {
    order,
    decoded: () => decoded,
    /** Keeps the GPU busy. */
    block() {
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      void queue.run(() => opened);
    },
    open: () => open(),
  };
}

const callers = new WeakMap<object, string | undefined>();
const currentCallerOf = (image: object) => callers.get(image);

describe('a busy server', () => {
  const log: Record<string, unknown>[] = [];
  let api: Api;
  let engine: FakeEngine;
  let gpu: ReturnType<typeof queued>;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    engine = fakeEngine();
    gpu = queued(engine, () => api?.options.metrics);
    const { detect } = engine;
    engine.detect = (image, options) => {
      callers.set(image, currentCaller().client);
      return detect(image, options);
    };
    const write = (line: string) => void log.push(JSON.parse(line));
    api = await openApi(engine, { directory: directory.path, log: write });
  });

  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  beforeEach(() => {
    log.length = 0;
    gpu.order.length = 0;
  });

  const image = { base64: Buffer.from(picture(PEOPLE.red)).toString('base64') };
  const post = (key: string, more: RequestInit = {}, query = DETECT) =>
    api.fetch('/graphql', {
      method: 'POST',
      body: JSON.stringify({ query, variables: { image } }),
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      ...more,
    });
  const waiting = async () => {
    const text = await (await api.fetch('/metrics')).text();
    return Number(/^facegraph_queue_length\{queue="gpu"\} (\d+)$/m.exec(text)?.[1]);
  };
  const failures = () => log.flatMap((line) => line.failures ?? []);
  const outcomes = async (responses: readonly Promise<Response>[]) => {
    const all = await Promise.all(responses);
    const bodies = await Promise.all(
      all.map((r) => r.json() as Promise<{ data: { detect: { __typename: string } } }>),
    );
    return bodies.map(({ data }, i) => ({
      type: data.detect.__typename,
      ...data.detect,
      header: all[i].headers.get('retry-after'),
      status: all[i].status,
    }));
  };

  it('refuses beyond its queue, of whoever has most waiting, and says when to come again', async () => {
    const [greedy, modest] = [await api.key('detect'), await api.key('detect')];
    gpu.block();
    const many = [];
    for (let i = 1; i <= ENTRIES; i++) {
      many.push(post(greedy));
      await expect.poll(waiting, PATIENT).toBe(i);
    }
    const [refused] = await outcomes([post(greedy)]);
    expect(refused).toMatchObject({ type: 'EngineBusy', retryAfter: 1, header: '1', status: 200 });
    const one = post(modest);
    await expect.poll(failures, PATIENT).toHaveLength(2);
    gpu.open();
    const [served] = await outcomes([one]);
    expect(served).toMatchObject({ type: 'Detection', header: null });
    const types = (await outcomes(many)).map(({ type }) => type);
    expect(types).toEqual(['Detection', 'Detection', 'Detection', 'EngineBusy']);
    expect(failures()).toEqual(['EngineBusy', 'EngineBusy']);
  });

  it('decodes nothing that it refuses, and forgets the places of requests that are answered', async () => {
    const [one, other] = [await api.key('admin'), await api.key('admin')];
    gpu.block();
    const many = [];
    for (let i = 1; i <= ENTRIES; i++) {
      many.push(post(i % 2 ? one : other));
      await expect.poll(waiting, PATIENT).toBe(i);
    }
    const before = gpu.decoded();
    expect(before).toBeGreaterThanOrEqual(ENTRIES);
    for (let i = 0; i < 10; i++)
      expect((await outcomes([post(one)]))[0]).toMatchObject({ type: 'EngineBusy' });
    expect(gpu.decoded()).toBe(before);
    gpu.open();
    expect(new Set((await outcomes(many)).map(({ type }) => type))).toEqual(new Set(['Detection']));
    // Of each the photograph is decoded, and nothing comes of it: there is no such gallery.
    gpu.block();
    const enrol = `mutation ($image: ImageInput!) { enrolFace(image: $image, face: 0, identity: {
      new: { gallery: { name: "nowhere" }, name: "x" } }) { __typename } }`;
    for (let i = 0; i < 3 * ENTRIES; i++)
      expect(await (await post(one, {}, enrol)).json()).toMatchObject({
        data: { enrolFace: { __typename: 'GalleryNotFound' } },
      });
    expect(gpu.decoded()).toBe(before + 3 * ENTRIES);
    const after = [];
    for (let i = 1; i <= ENTRIES; i++) {
      after.push(post(one));
      await expect.poll(waiting, PATIENT).toBe(i);
    }
    gpu.open();
    expect(new Set((await outcomes(after)).map(({ type }) => type))).toEqual(
      new Set(['Detection']),
    );
  });

  it('serves one request of a key before the second of another', async () => {
    const [greedy, modest] = [await api.key('detect'), await api.key('detect')];
    gpu.block();
    const many = [post(greedy), post(greedy), post(greedy)];
    await expect.poll(waiting, PATIENT).toBe(3);
    const one = post(modest);
    await expect.poll(waiting, PATIENT).toBe(4);
    gpu.open();
    await Promise.all([...many, one]);
    const [first] = gpu.order;
    expect(new Set(gpu.order).size).toBe(2);
    expect(gpu.order.filter((client) => client === first)).toHaveLength(3);
    expect(gpu.order.slice(0, 2)).toContain(gpu.order.find((client) => client !== first));
  });

  it('forgets a request whose client has gone', async () => {
    const before = engine.detected;
    const gone = new AbortController();
    gpu.block();
    const request = post(api.admin, { signal: gone.signal });
    await expect.poll(waiting, PATIENT).toBe(1);
    gone.abort();
    await expect(request).rejects.toThrow('abort');
    await expect.poll(waiting, PATIENT).toBe(0);
    gpu.open();
    expect((await outcomes([post(api.admin)]))[0].type).toBe('Detection');
    expect(engine.detected).toBe(before + 1);
    expect(log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('tells how long work waited', async () => {
    const text = await (await api.fetch('/metrics')).text();
    const count = /^facegraph_queue_wait_seconds_count\{queue="gpu"\} (\d+)$/m.exec(text)?.[1];
    expect(Number(count)).toBeGreaterThan(5);
    expect(text).toContain('facegraph_queue_length{queue="decode"} 0');
    expect(text).toContain('facegraph_batch_faces_count');
  });

  it('says so in errors too, where a field has no union for it', async () => {
    const { embedder } = engine;
    engine.embedder = async () => {
      throw engineBusy('too much work', 7);
    };
    const create = 'mutation { createGallery(name: "g") { __typename } }';
    const response = await post(api.admin, {}, create);
    engine.embedder = embedder;
    const { errors } = (await response.json()) as { errors: object[] };
    expect(errors).toMatchObject([{ extensions: { code: 'EngineBusy', retryAfter: 7 } }]);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(response.status).toBe(503);
  });

  it('refuses pictures when too many wait to be decoded', async () => {
    await closeDecoder();
    const lengths: number[] = [];
    const observe = { length: (n: number) => void lengths.push(n), waited: () => undefined };
    setUpDecoder({ limits: { entries: 2, bytes: 1e6 }, observe });
    const types = (await outcomes(Array.from({ length: 8 }, () => post(api.admin)))).map(
      ({ type }) => type,
    );
    await closeDecoder();
    setUpDecoder({ limits: DEFAULT_QUEUE });
    expect(Math.max(...lengths)).toBe(2);
    expect(types.filter((type) => type === 'EngineBusy').length).toBeGreaterThan(0);
    expect(types.filter((type) => type === 'Detection').length).toBeGreaterThanOrEqual(4);
  });
});
