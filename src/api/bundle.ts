import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { decodeGlobalID, encodeGlobalID } from '@pothos/plugin-relay';
import type { Plugin, YogaLogger } from 'graphql-yoga';
import { type ErrorCode, FacegraphError } from '../errors.ts';
import { exportBundle } from '../faces/bundle/exportBundle.ts';
import { importBundle } from '../faces/bundle/importBundle.ts';
import { type Key, permits, type Scope } from '../faces/keys.ts';
import type { Context } from './context.ts';
import { rateLimited } from './operation/admission.ts';
import type { Metrics } from './operation/metrics.ts';
import { currentRequest, identifyClient } from './operation/request.ts';

const STATUS: Partial<Record<ErrorCode, number>> = {
  BundleInvalid: 400,
  InvalidInput: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  GalleryNotFound: 404,
  IdTaken: 409,
  ModelMismatch: 409,
  NameTaken: 409,
  ImagesMissing: 409,
  RateLimited: 429,
};

/**
 * Galleries as files (docs/bundle.md), beside GraphQL, which can neither answer with a stream nor
 * take one: `GET /galleries/NODE_ID/bundle?images=true` (scope `gallery:read`) and
 * `POST /galleries?name=NAME&newIds=true&model=MODEL` with the bundle as body (scope `gallery:write`).
 * Each costs its key as much as the dearest GraphQL request.
 * @param contextOf finds out whose request it is, as for GraphQL.
 * @param metrics count these requests as they count root fields.
 */
export function bundles(
  contextOf: (request: Request) => Promise<Context>,
  metrics: Metrics,
  log: YogaLogger,
): Plugin {
  return {
    async onRequest({ request, url, endResponse, serverContext }) {
      const route = routeOf(request.method, url);
      if (!route) return;
      try {
        const context = await contextOf(request);
        admit(route, context, (serverContext as { req?: IncomingMessage }).req);
        endResponse(await route.answer(context, request));
        metrics.operation(route.name, 'ok');
      } catch (error) {
        endResponse(failed(error, route, metrics, log));
      }
    },
  };
}

/** A context whose key may use the route. */
type Admitted = Context & { readonly key: Key };

interface Route {
  /** For log and metrics. */
  readonly name: string;
  readonly scope: Scope;
  answer(context: Admitted, request: Request): Promise<Response>;
}

function routeOf(method: string, { pathname, searchParams }: URL): Route | undefined {
  const [, id] = pathname.match(/^\/galleries\/([^/]+)\/bundle$/) ?? [];
  if (method === 'GET' && id)
    return {
      name: 'exportBundle',
      scope: 'gallery:read',
      answer: (context) => answerExport(context, id, searchParams),
    };
  if (method === 'POST' && pathname === '/galleries')
    return {
      name: 'importBundle',
      scope: 'gallery:write',
      answer: (context, request) => answerImport(context, request, searchParams),
    };
}

function admit(
  { name, scope }: Route,
  context: Context,
  connection: IncomingMessage | undefined,
): asserts context is Admitted {
  const request = currentRequest()!;
  const { key, limits } = context;
  request.operation = { kind: 'bundle', fields: [name] };
  identifyClient(request, key, connection);
  const retryAfter = request.spend(limits.maxCost);
  if (retryAfter > 0) throw rateLimited(retryAfter);
  if (!key)
    throw new FacegraphError(
      'Unauthenticated',
      'a valid API key is needed: Authorization: Bearer KEY or x-api-key: KEY',
    );
  if (!permits(key, scope))
    throw new FacegraphError('Forbidden', `the API key lacks the scope ${scope}`);
}

async function answerExport(
  context: Admitted,
  nodeId: string,
  parameters: URLSearchParams,
): Promise<Response> {
  const { gallery, stream } = await exportBundle(
    context,
    { id: galleryId(nodeId) },
    { keyId: context.key.id, images: flag(parameters, 'images') },
  );
  const name = encodeURIComponent(gallery.name);
  return new Response(Readable.toWeb(stream) as ReadableStream, {
    headers: {
      'content-type': 'application/x-tar',
      'content-disposition': `attachment; filename*=UTF-8''${name}.tar`,
      'cache-control': 'no-store',
    },
  });
}

async function answerImport(
  context: Admitted,
  { body }: Request,
  parameters: URLSearchParams,
): Promise<Response> {
  if (!body) throw new FacegraphError('BundleInvalid', 'the request has no body');
  const { gallery, jobId, ...counts } = await importBundle(context, chunks(body), {
    keyId: context.key.id,
    name: parameters.get('name') ?? undefined,
    newIds: flag(parameters, 'newIds'),
    model: parameters.get('model') ?? undefined,
  });
  if (jobId !== null) context.jobs.wake();
  const id = encodeGlobalID('Gallery', gallery.id);
  const job = jobId === null ? null : encodeGlobalID('Job', jobId);
  return Response.json({ id, name: gallery.name, ...counts, job }, { status: 201 });
}

function flag(parameters: URLSearchParams, name: string): boolean {
  const value = parameters.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false')
    throw new FacegraphError('InvalidInput', `${name} is true or false`);
  return value === 'true';
}

// Streams can be iterated wherever this runs; only the library of the language does not say so.
function chunks(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return body as unknown as AsyncIterable<Uint8Array>;
}

function galleryId(nodeId: string): string {
  try {
    const { typename, id } = decodeGlobalID(decodeURIComponent(nodeId));
    if (typename === 'Gallery') return id;
  } catch {
    // Not an id either.
  }
  throw new FacegraphError('GalleryNotFound', 'no gallery of this id');
}

function failed(error: unknown, { name }: Route, metrics: Metrics, log: YogaLogger): Response {
  const outcome = error instanceof FacegraphError ? error.code : 'INTERNAL_SERVER_ERROR';
  currentRequest()!.failures.push(outcome);
  metrics.operation(name, outcome);
  if (error instanceof FacegraphError) {
    const { code, message, details } = error;
    const headers =
      code === 'RateLimited' ? { 'retry-after': String(details.retryAfter) } : undefined;
    return Response.json({ code, message }, { status: STATUS[code] ?? 503, headers });
  }
  log.error(error);
  const body = { code: 'INTERNAL_SERVER_ERROR', message: 'Unexpected error.' };
  return Response.json(body, { status: 500 });
}
