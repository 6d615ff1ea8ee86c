import { Readable } from 'node:stream';
import { decodeGlobalID, encodeGlobalID } from '@pothos/plugin-relay';
import type { Plugin, YogaLogger } from 'graphql-yoga';
import { type ErrorCode, FacegraphError } from '../errors.ts';
import { exportBundle } from '../faces/bundle/exportBundle.ts';
import { importBundle } from '../faces/bundle/importBundle.ts';
import { permits, type Scope } from '../faces/keys.ts';
import type { Context } from './context.ts';

const STATUS: Partial<Record<ErrorCode, number>> = {
  BundleInvalid: 400,
  InvalidInput: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  GalleryNotFound: 404,
  IdTaken: 409,
  ModelMismatch: 409,
  NameTaken: 409,
};

/**
 * Galleries as files (docs/bundle.md), beside GraphQL, which can neither answer with a stream nor
 * take one: `GET /galleries/NODE_ID/bundle` (scope `gallery:read`) and
 * `POST /galleries?name=NAME&newIds=true` with the bundle as body (scope `gallery:write`).
 * @param contextOf finds out whose request it is, as for GraphQL.
 */
export function bundles(
  contextOf: (request: Request) => Promise<Context>,
  log: YogaLogger,
): Plugin {
  return {
    async onRequest({ request, url, endResponse }) {
      const answer = route(request.method, url);
      if (!answer) return;
      try {
        endResponse(await answer(await contextOf(request), request));
      } catch (error) {
        endResponse(failed(error, log));
      }
    },
  };
}

type Answer = (context: Context, request: Request) => Promise<Response>;

function route(method: string, { pathname, searchParams }: URL): Answer | undefined {
  const [, id] = pathname.match(/^\/galleries\/([^/]+)\/bundle$/) ?? [];
  if (method === 'GET' && id) return (context) => answerExport(context, id);
  if (method === 'POST' && pathname === '/galleries')
    return (context, request) => answerImport(context, request, searchParams);
}

async function answerExport(context: Context, nodeId: string): Promise<Response> {
  check(context, 'gallery:read');
  const { gallery, stream } = await exportBundle(context, { id: galleryId(nodeId) });
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
  context: Context,
  { body }: Request,
  parameters: URLSearchParams,
): Promise<Response> {
  check(context, 'gallery:write');
  if (!body) throw new FacegraphError('BundleInvalid', 'the request has no body');
  const newIds = parameters.get('newIds') ?? 'false';
  if (newIds !== 'true' && newIds !== 'false')
    throw new FacegraphError('InvalidInput', 'newIds is true or false');
  const { gallery, ...counts } = await importBundle(context, chunks(body), {
    name: parameters.get('name') ?? undefined,
    newIds: newIds === 'true',
  });
  const id = encodeGlobalID('Gallery', gallery.id);
  return Response.json({ id, name: gallery.name, ...counts }, { status: 201 });
}

// Streams can be iterated wherever this runs; only the library of the language does not say so.
function chunks(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return body as unknown as AsyncIterable<Uint8Array>;
}

function check({ key }: Context, scope: Scope): void {
  if (!key)
    throw new FacegraphError(
      'Unauthenticated',
      'a valid API key is needed: Authorization: Bearer KEY or x-api-key: KEY',
    );
  if (!permits(key, scope))
    throw new FacegraphError('Forbidden', `the API key lacks the scope ${scope}`);
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

function failed(error: unknown, log: YogaLogger): Response {
  if (error instanceof FacegraphError) {
    const { code, message } = error;
    return Response.json({ code, message }, { status: STATUS[code] ?? 503 });
  }
  log.error(error);
  const body = { code: 'INTERNAL_SERVER_ERROR', message: 'Unexpected error.' };
  return Response.json(body, { status: 500 });
}
