import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../src/api/operation/metrics.ts';
import { createServer } from '../src/api/server.ts';
import { createKey } from '../src/faces/keys.ts';
import { archive, galleryOf, partsOf } from './api/bundles.ts';
import type { Api } from './api/harness.ts';
import { openTwoServers, service, spools, type TwoServers } from './api/twoServers.ts';
import { unit } from './support/unit.ts';

describe('gallery bundle over HTTP', () => {
  let two: TwoServers;
  let here: Api;
  let there: Api;
  let id: string;
  let path: string;
  beforeAll(async () => {
    two = await openTwoServers();
    ({ here, there } = two);
    id = await galleryOf(service(here), { name: 'Über HTTP' }, [
      { name: 'Ada', externalId: 'a', faces: [unit(1, 2, 3)] },
    ]);
    path = `/galleries/${Buffer.from(`Gallery:${id}`).toString('base64')}/bundle`;
  });
  afterAll(() => two?.close());

  const get = (key?: string, to = path) =>
    here.fetch(to, { headers: key ? { 'x-api-key': key } : {} });

  it('goes out and comes in', async () => {
    const response = await get(here.admin);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-tar');
    expect(response.headers.get('content-disposition')).toContain("''%C3%9Cber%20HTTP.tar");
    const body = await response.arrayBuffer();
    const answer = await there.fetch('/galleries', {
      method: 'POST',
      body,
      headers: { 'x-api-key': there.admin },
    });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({
      id: Buffer.from(`Gallery:${id}`).toString('base64'),
      name: 'Über HTTP',
      identities: 1,
      faces: 1,
      images: 0,
      job: null,
    });
    const again = await there.fetch('/galleries?name=copy&newIds=true', {
      method: 'POST',
      body,
      headers: { 'x-api-key': there.admin },
    });
    expect(await again.json()).toMatchObject({ name: 'copy', faces: 1 });
    const { data } = await there.run('{ gallery(by: { name: "copy" }) { faceCount } }');
    expect(data.gallery.faceCount).toBe(1);
  });

  it('is for keys with the scope and for the galleries they are bound to, and may be given up', async () => {
    const db = here.database.client;
    const bound = (...galleries: string[]) =>
      createKey(db, { label: 'bound', scopes: ['gallery:read', 'gallery:write'], galleries });
    const put = (key: string) =>
      here.fetch('/galleries', { method: 'POST', body: 'x', headers: { 'x-api-key': key } });
    const code = async (response: Response) => [response.status, (await response.json()).code];
    expect(await code(await get())).toEqual([401, 'Unauthenticated']);
    expect(await code(await get('fg_wrong'))).toEqual([401, 'Unauthenticated']);
    expect(await code(await get(await here.key('gallery:write')))).toEqual([403, 'Forbidden']);
    expect(await code(await get(await bound('another')))).toEqual([404, 'GalleryNotFound']);
    const allowed = await get(await bound(id));
    expect(allowed.status).toBe(200);
    expect(await spools()).toHaveLength(1);
    await allowed.body?.cancel();
    await expect.poll(spools).toEqual([]);
    for (const wrong of ['%', 'eA==', Buffer.from(`Face:${id}`).toString('base64')])
      expect(await code(await get(here.admin, `/galleries/${wrong}/bundle`))).toEqual([
        404,
        'GalleryNotFound',
      ]);
    expect(await code(await put('fg_wrong'))).toEqual([401, 'Unauthenticated']);
    expect(await code(await put(await here.key('gallery:read')))).toEqual([403, 'Forbidden']);
    expect(await code(await put(await bound(id)))).toEqual([403, 'Forbidden']);
    expect(await code(await put(here.admin))).toEqual([400, 'BundleInvalid']);
  });

  it('is audited, counted and held to the rate of the key', async () => {
    const limits = { ...here.options.limits, maxCost: 1000, ratePerMinute: 2000 };
    const metrics = createMetrics();
    const yoga = createServer({ ...here.options, limits, metrics });
    const key = await here.key('gallery:read', 'gallery:write');
    const ask = (init: RequestInit = {}, to = path) =>
      yoga.fetch(new Request(`http://localhost${to}`, { ...init, headers: { 'x-api-key': key } }));
    const { data } = await here.run('{ apiKeys { edges { node { id scopes } } } }');
    const before = await here.run('{ transfers { totalCount } }');
    await (await ask()).arrayBuffer();
    expect((await ask({ method: 'POST', body: 'x' }, '/galleries')).status).toBe(400);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'RateLimited' });
    const text = await metrics.text();
    for (const [field, outcome] of [
      ['exportBundle', 'ok'],
      ['exportBundle', 'RateLimited'],
      ['importBundle', 'BundleInvalid'],
    ])
      expect(text).toContain(`facegraph_operations_total{field="${field}",outcome="${outcome}"} 1`);
    const query =
      '{ transfers { totalCount edges { node { direction keyId galleryId identities faces images } } } }';
    const { transfers } = (await here.run(query)).data;
    expect(transfers.totalCount).toBe(before.data.transfers.totalCount + 1);
    expect(transfers.edges[0].node).toEqual({
      direction: 'EXPORT',
      keyId: data.apiKeys.edges.at(-1).node.id,
      galleryId: Buffer.from(`Gallery:${id}`).toString('base64'),
      identities: 1,
      faces: 1,
      images: 0,
    });
    const bound = await createKey(here.database.client, {
      label: 'auditor',
      scopes: ['audit'],
      galleries: ['another'],
    });
    expect((await here.run(query, { key: bound })).data.transfers.totalCount).toBe(0);
  });

  it('streams through a socket, also more than a GraphQL body may have', async () => {
    const yoga = createServer({ ...here.options, metrics: createMetrics() });
    const http = createHttpServer(yoga);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const headers = { 'x-api-key': here.admin };
    const whole = await (await fetch(origin + path, { headers })).arrayBuffer();
    expect(partsOf(Buffer.from(whole))).toHaveLength(5);

    const parts = partsOf(Buffer.from(whole));
    const counts = { identities: 1, faces: 5_000_000, images: 0 };
    const manifest = { ...JSON.parse(String(parts[0].data)), counts };
    parts[0] = { name: 'manifest.json', data: Buffer.from(JSON.stringify(manifest)) };
    parts[3] = { name: 'embeddings.f16', data: Buffer.alloc(30_000_000) };
    const answer = await fetch(`${origin}/galleries`, {
      method: 'POST',
      body: Readable.toWeb(Readable.from(archive(parts))) as ReadableStream,
      headers,
      duplex: 'half',
    } as RequestInit);
    expect(await answer.json()).toEqual({
      code: 'BundleInvalid',
      message: 'manifest.json is not what its checksum says',
    });

    await expect.poll(spools).toEqual([]);
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
});
