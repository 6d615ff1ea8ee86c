import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention';
import { GraphQLError, parse } from 'graphql';
import {
  createYoga,
  type Plugin,
  useReadinessCheck,
  type YogaLogger,
  type YogaServerInstance,
} from 'graphql-yoga';
import type { Logger } from 'pino';
import { authenticate } from '../faces/keys.ts';
import { bundles } from './bundle.ts';
import type { Context } from './context.ts';
import { expectedCode, maskError } from './mask.ts';
import { loggable } from './operation/log.ts';
import { type OperationOptions, operations } from './operation/plugin.ts';
import { currentRequest } from './operation/request.ts';
import { schema } from './schema.ts';

/** What the server needs from the program around it. */
export interface ServerOptions
  extends Omit<Context, 'key' | 'galleries' | 'once'>,
    OperationOptions {
  /** Serves GraphiQL to browsers. */
  readonly graphiql: boolean;
  /** False until the models are ready and while the program shuts down; `/readyz` then says so. */
  readonly accepting: () => boolean;
}

const MAX_TOKENS = 2000;

/**
 * The HTTP handler: GraphQL at `/graphql`, galleries as files below `/galleries`, liveness at
 * `/healthz`, readiness at `/readyz`. It never listens; tests call its `fetch`.
 */
export function createServer(options: ServerOptions): YogaServerInstance<object, Context> {
  const { graphiql, accepting, log, metricsEndpoint, ...service } = options;
  const { limits, metrics } = service;
  metrics.describe(service);
  const contextOf = async (request: Request): Promise<Context> => {
    const secret = presentedKey(request);
    const key = secret ? await authenticate(service.db, secret) : null;
    return { ...service, key, galleries: key?.galleries ?? null };
  };
  return createYoga<object, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    healthCheckEndpoint: '/healthz',
    graphiql: graphiql && { title: 'facegraph', additionalHeaders: { 'x-graphql-yoga-csrf': '1' } },
    landingPage: false,
    // Keys belong on a server, so other sites' pages have no business here.
    cors: false,
    maxRequestBodySize: limits.maxRequestBytes,
    maskedErrors: { maskError },
    logging: yogaLog(log),
    context: ({ request }) => contextOf(request),
    plugins: [
      operations({ limits, metrics, log, metricsEndpoint }),
      useCSRFPrevention({ requestHeaders: ['authorization', 'x-api-key', 'x-graphql-yoga-csrf'] }),
      useReadinessCheck({
        endpoint: '/readyz',
        check: async () => accepting() && (await isReachable(service.db)),
      }),
      bundles(contextOf, metrics, yogaLog(log)),
      limitTokens,
      refuseBadParts,
    ],
  });
}

// Before anything else looks at a document, whose validation takes quadratic time.
const limitTokens: Plugin = {
  onParse: ({ setParseFn }) =>
    setParseFn((source, options) => parse(source, { ...options, maxTokens: MAX_TOKENS })),
};

// Yoga's parser takes the shape of a multipart map for granted.
const refuseBadParts: Plugin = {
  onRequestParse({ requestParser, setRequestParser }) {
    if (!requestParser) return;
    setRequestParser(async (request) => {
      try {
        return await requestParser(request);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        throw new GraphQLError('the request is malformed', {
          extensions: { code: 'InvalidInput', http: { status: 400 } },
        });
      }
    });
  },
};

// What clients get wrong is told to them and is no news here.
function yogaLog(log: Logger): YogaLogger {
  const id = () => currentRequest()?.id;
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (...parts) => log.warn({ id: id() }, parts.map(String).join(' ')),
    error(...parts) {
      for (const part of parts)
        if (!expectedCode(part)) log.error({ id: id(), error: loggable(part) }, 'unexpected error');
    },
  };
}

function presentedKey(request: Request): string | null {
  const bearer = request.headers.get('authorization')?.match(/^Bearer +(\S+)$/i);
  return bearer?.[1] ?? request.headers.get('x-api-key');
}

function isReachable(db: Context['db']): Promise<boolean> {
  return db.$queryRaw`SELECT 1`.then(
    () => true,
    () => false,
  );
}
