import type { IncomingMessage } from 'node:http';
import { complexityFromQuery } from '@pothos/plugin-complexity';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Context } from '../context.ts';
import { rateLimited } from './admission.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { createRates } from './rates.ts';
import {
  currentRequest,
  identifyClient,
  newRequest,
  type RequestRecord,
  STAGES,
  serving,
} from './request.ts';
import { bookFailure, codeOf } from './rootOutcomes.ts';
import { createStreams, MAX_STREAMS } from './streams.ts';

/** What requests are watched with and held to. */
export interface OperationOptions {
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Whether `/metrics` is served beside `/graphql`. */
  readonly metricsEndpoint: boolean;
}

const GRAPHQL = '/graphql';
const METRICS = '/metrics';

/**
 * Gives each request an id, holds its key, or without one its address, to its rate and its number of
 * subscriptions, and tells of it: to the client by headers and `extensions.timing`, to the log by one
 * line, to Prometheus by counters. `/metrics` asks for no key, because it tells of no gallery and no
 * person, and a scraper should hold no key that does.
 */
export function operations(options: OperationOptions): Plugin<object, object, Context> {
  const { limits, metrics, log, metricsEndpoint } = options;
  const rates = createRates(limits.ratePerMinute);
  const spend = (client: string, cost: number) => {
    const retryAfter = rates.spend(client, cost);
    if (retryAfter > 0) metrics.rateLimited();
    return retryAfter;
  };
  const streams = createStreams();

  /** @returns whether it was let in. */
  const begin = (args: ExecutionArgs, refuse: (result: ExecutionResult) => void): boolean => {
    const request = currentRequest()!;
    const operation = operationOf(args);
    if (!operation) return true;
    const fields = [...new Set(rootFields(operation.selectionSet, args.document))];
    request.operation = { name: operation.name?.value, kind: operation.operation, fields };
    const { key, req } = args.contextValue as Context & { readonly req?: IncomingMessage };
    identifyClient(request, key, req);
    const retryAfter = request.spend(costOf(operation, args));
    if (retryAfter > 0) refuse({ errors: [tooMany(retryAfter)] });
    return retryAfter === 0;
  };

  return {
    instrumentation: {
      request: ({ request }, wrapped) =>
        serving(newRequest(request, { limits, observe: metrics.observeStage, spend }), wrapped),
    },
    async onRequest({ url, endResponse, fetchAPI }) {
      if (!metricsEndpoint || url.pathname !== METRICS) return;
      const headers = { 'content-type': metrics.contentType };
      endResponse(new fetchAPI.Response(await metrics.text(), { headers }));
    },
    onExecute({ args, setResultAndStopExecution }) {
      begin(args, setResultAndStopExecution);
    },
    onSubscribe({ args, setResultAndStopExecution: refuse }) {
      const { client } = begin(args, refuse) ? currentRequest()! : {};
      if (client === undefined) return;
      const end = streams.open(client);
      if (!end) {
        metrics.rateLimited();
        return refuse({ errors: [tooManyStreams()] });
      }
      return {
        onSubscribeResult({ result }: { readonly result: object }) {
          if (Symbol.asyncIterator in result) return { onEnd: end };
          end();
        },
      };
    },
    onExecutionResult({ result, setResult }) {
      if (!result || Symbol.asyncIterator in result) return;
      const request = currentRequest()!;
      for (const error of result.errors ?? [])
        bookFailure(codeOf(error), error.extensions?.retryAfter);
      setResult({ ...result, extensions: { ...result.extensions, timing: timing(request) } });
    },
    onResponse({ request: { url }, response }) {
      const request = currentRequest()!;
      response.headers.set('x-request-id', request.id);
      if (request.retryAfter > 0) response.headers.set('retry-after', String(request.retryAfter));
      const { pathname: path } = new URL(url, 'http://localhost');
      const { status } = response;
      if (path !== GRAPHQL && !request.operation)
        return log.debug({ id: request.id, path, status }, 'request');
      response.headers.set('server-timing', serverTiming(request));
      metrics.request(request, status);
      log.info(line(request, status), 'request');
    },
  };
}

function operationOf({ document, operationName }: ExecutionArgs) {
  return document.definitions.find(
    (definition): definition is OperationDefinitionNode =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      (!operationName || definition.name?.value === operationName),
  );
}

function rootFields(set: SelectionSetNode, document: DocumentNode): string[] {
  return set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value;
    if (selection.kind === Kind.INLINE_FRAGMENT)
      return rootFields(selection.selectionSet, document);
    const fragment = document.definitions.find(
      (d) => d.kind === Kind.FRAGMENT_DEFINITION && d.name.value === selection.name.value,
    );
    return fragment && 'selectionSet' in fragment
      ? rootFields(fragment.selectionSet, document)
      : [];
  });
}

// The plugin that refuses too dear queries counts in the same way, once a root field is resolved; of
// several operations the function below takes the first.
function costOf(operation: OperationDefinitionNode, args: ExecutionArgs): number {
  const fragments = args.document.definitions.filter((d) => d.kind === Kind.FRAGMENT_DEFINITION);
  const document: DocumentNode = { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] };
  try {
    const { complexity } = complexityFromQuery(document, {
      schema: args.schema,
      ctx: args.contextValue as Context,
      variables: { ...args.variableValues },
    });
    return complexity;
  } catch {
    // Its arguments are wrong: it will be refused for that.
    return 1;
  }
}

function tooMany(retryAfter: number): GraphQLError {
  const { message, code } = rateLimited(retryAfter);
  const http = { status: 429, headers: { 'retry-after': String(retryAfter) } };
  return new GraphQLError(message, { extensions: { code, retryAfter, http } });
}

function tooManyStreams(): GraphQLError {
  const message = `you have ${MAX_STREAMS} subscriptions open: end one first`;
  return new GraphQLError(message, { extensions: { code: 'RateLimited', http: { status: 429 } } });
}

function timing({ started, stages }: RequestRecord) {
  const spent = STAGES.map((stage) => {
    const { ms, count } = stages[stage];
    return [stage, { ms: tenths(ms), count }];
  });
  return { ...Object.fromEntries(spent), total: { ms: tenths(performance.now() - started) } };
}

function serverTiming({ started, stages }: RequestRecord): string {
  return [
    ...STAGES.filter((stage) => stages[stage].count > 0).map(
      (stage) => `${stage};dur=${tenths(stages[stage].ms)};desc="${stages[stage].count}"`,
    ),
    `total;dur=${tenths(performance.now() - started)}`,
  ].join(', ');
}

function line({ id, started, operation, failures, ...request }: RequestRecord, status: number) {
  const stages = STAGES.filter((stage) => request.stages[stage].count > 0);
  return {
    id,
    status,
    operation: operation?.name?.slice(0, 100),
    kind: operation?.kind,
    fields: operation?.fields,
    failures: failures.length > 0 ? [...new Set(failures)] : undefined,
    ms: tenths(performance.now() - started),
    stages: Object.fromEntries(stages.map((stage) => [stage, tenths(request.stages[stage].ms)])),
    key: request.keyId,
    images: request.images,
    bytes: request.bytes,
  };
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
