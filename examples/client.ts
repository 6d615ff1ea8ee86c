/**
 * A typed client of facegraph in one file: copy it into your project. Operations written with
 * `graphql` are checked against the printed schema, and their results and variables are typed
 * (gql.tada); uploads follow the GraphQL multipart request specification; subscriptions come as
 * server-sent events (graphql-sse).
 */
import { initGraphQLTada, type TadaDocumentNode } from 'gql.tada';
import { print } from 'graphql';
import { createClient as createSseClient } from 'graphql-sse';
import type { introspection } from './schema.d.ts';

/** Writes an operation: `graphql('query { … }')`. */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; File: Blob | null };
}>();

/** Talks to one server with one key. */
export interface Client {
  /**
   * Runs a query or mutation. Files among the variables, at any depth, are uploaded with it.
   * @throws RequestError when the server refuses the request as a whole. Failures of the domain,
   *   such as `NoFaceFound`, are results: look at `__typename`.
   */
  run<Result, Variables extends object>(
    document: TadaDocumentNode<Result, Variables>,
    variables: Variables,
  ): Promise<Result>;
  /** Follows a subscription until the server ends it or the loop is left. */
  subscribe<Result, Variables extends Record<string, unknown>>(
    document: TadaDocumentNode<Result, Variables>,
    variables: Variables,
  ): AsyncGenerator<Result>;
}

/** The server did not execute a request: wrong key, malformed, too expensive, too many. */
export class RequestError extends Error {
  readonly status: number;
  /** `extensions.code` of the first error. */
  readonly code: string | undefined;

  constructor(status: number, message: string, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface Answer<Result> {
  readonly data?: Result | null;
  readonly errors?: readonly { message: string; extensions?: { code?: string } }[];
}

/**
 * @param url of the GraphQL endpoint, e.g. `http://localhost:4000/graphql`.
 * @param key an API key.
 */
export function createClient(url: string, key: string): Client {
  const headers = { 'x-api-key': key };
  const events = createSseClient({ url, headers });
  return {
    async run(document, variables) {
      const response = await fetch(url, {
        method: 'POST',
        ...request(headers, print(document), variables),
      });
      const text = await response.text();
      let answer: Answer<never>;
      try {
        answer = JSON.parse(text);
      } catch {
        throw new RequestError(response.status, text.slice(0, 200));
      }
      const [error] = answer.errors ?? [];
      if (error) throw new RequestError(response.status, error.message, error.extensions?.code);
      return answer.data!;
    },
    async *subscribe(document, variables) {
      const query = print(document);
      for await (const { data, errors } of events.iterate<never>({ query, variables })) {
        if (errors?.[0]) throw new RequestError(200, errors[0].message);
        yield data!;
      }
    },
  };
}

function request(headers: Record<string, string>, query: string, variables: object): RequestInit {
  const files = new Map<string, Blob>();
  const operations = JSON.stringify({
    query,
    variables: withoutFiles(variables, 'variables', files),
  });
  if (files.size === 0)
    return { headers: { ...headers, 'content-type': 'application/json' }, body: operations };
  const form = new FormData();
  const paths = [...files.keys()];
  form.set('operations', operations);
  form.set('map', JSON.stringify(Object.fromEntries(paths.map((path, i) => [i, [path]]))));
  for (const [i, path] of paths.entries()) form.set(String(i), files.get(path)!);
  return { headers, body: form };
}

function withoutFiles(value: unknown, path: string, files: Map<string, Blob>): unknown {
  if (value instanceof Blob) {
    files.set(path, value);
    return null;
  }
  if (Array.isArray(value))
    return value.map((item, i) => withoutFiles(item, `${path}.${i}`, files));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([k, v]) => [k, withoutFiles(v, `${path}.${k}`, files)]),
  );
}
