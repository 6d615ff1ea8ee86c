import { z } from 'zod';
import type { Limits } from './api/operation/limits.ts';
import { DEFAULT_QUEUE } from './engine/fairQueue.ts';
import { cacheDir } from './engine/weights/cache.ts';

/** One variable as `facegraph config` lists it. */
export interface ListedSetting {
  readonly name: string;
  /** What is in force, passwords hidden; null when there is none. */
  readonly value: string | null;
  /** What is in force when the environment says nothing; null: nothing. */
  readonly default: string | null;
  readonly meaning: string;
  /** What is wrong with the value that the environment gives, if anything. */
  readonly problem?: string;
}

/** The environment as the program understands it, by the names of its variables. */
export type Config = {
  readonly [Name in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[Name]['schema']>;
};

/** The environment is wrong: `problems` says how, a line each, without passwords. */
export class ConfigInvalid extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigInvalid';
    this.problems = problems;
  }
}

type Name = keyof typeof SETTINGS;

interface Setting<Schema extends z.ZodType> {
  /** From the text of the variable to its value. */
  readonly schema: Schema;
  /** Ends the sentence "PORT is 70000: give …". */
  readonly expected: string;
  /** As it would stand in the environment. */
  readonly default?: string | (() => string);
  readonly meaning: string;
  /** What may be shown of a value; all of it when absent. */
  readonly shown?: (text: string) => string;
}

const setting = <Schema extends z.ZodType>(made: Setting<Schema>) => made;
const number = (min: number, max: number, meaning: string, fallback: number) =>
  setting({
    schema: z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number)
      .pipe(z.number().min(min).max(max)),
    expected: `a whole number from ${min} to ${max}`,
    default: String(fallback),
    meaning,
  });

const SETTINGS = {
  HOST: setting({
    schema: z.string(),
    expected: 'an address',
    default: '127.0.0.1',
    meaning: 'Address to listen on.',
  }),
  PORT: number(0, 65_535, 'Port to listen on; 0: any free one.', 4000),
  DATABASE_URL: setting({
    schema: z.string().refine(isPostgresUrl).optional(),
    expected: 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE',
    meaning: 'PostgreSQL server; without it a database embedded in the data directory.',
    shown: withoutPassword,
  }),
  FACEGRAPH_DATA: setting({
    schema: z.string(),
    expected: 'a directory',
    default: '.data',
    meaning: 'Directory of the embedded database.',
  }),
  FACEGRAPH_EXACT_LIMIT: setting({
    schema: z
      .string()
      .regex(/^\d{1,9}$/)
      .transform(Number)
      .optional(),
    expected: 'a whole number',
    meaning:
      'Faces up to which a gallery is searched exactly on the GPU; larger ones in the database, where that has pgvector. 500000 on a server when absent, no limit in the embedded database.',
  }),
  FACEGRAPH_IMPORT_DIR: setting({
    schema: z.string().optional(),
    expected: 'a directory',
    meaning: 'Directory below which directories may be enrolled in bulk; none without it.',
  }),
  FACEGRAPH_CACHE: setting({
    schema: z.string(),
    expected: 'a directory',
    default: cacheDir,
    meaning: 'Directory of model weights, and of what evaluations computed.',
  }),
  FACEGRAPH_DEBUG: setting({
    schema: z.string().optional(),
    expected: 'anything',
    meaning: 'Set to anything: the command line shows the stack of a failure.',
  }),
  FACEGRAPH_LOG_LEVEL: setting({
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
    expected: 'debug, info, warn, error or silent',
    default: 'info',
    meaning: 'Least level of the log on stderr; debug adds health checks and scrapes.',
  }),
  FACEGRAPH_METRICS: setting({
    schema: z.union([
      z.enum(['on', 'off']),
      z
        .string()
        .regex(/^\d{1,5}$/)
        .transform(Number)
        .pipe(z.number().min(0).max(65_535)),
    ]),
    expected: 'on, off or a port',
    default: 'on',
    meaning: '/metrics beside /graphql, nowhere, or on a port of its own; it asks for no key.',
  }),
  FACEGRAPH_MAX_REQUEST_MB: number(1, 2000, 'Largest body of a request, in MB.', 28),
  FACEGRAPH_MAX_IMAGE_MB: number(1, 100, 'Largest image file, in MB.', 10),
  // The decoder's memory is laid out for 40.
  FACEGRAPH_MAX_IMAGE_MEGAPIXELS: number(1, 40, 'Largest image, in megapixels.', 40),
  FACEGRAPH_MAX_REQUEST_MEGAPIXELS: number(
    1,
    400,
    'All images of one request together, in megapixels.',
    100,
  ),
  FACEGRAPH_MAX_COST: number(
    1000,
    1_000_000,
    'Cost of one request: 500 for each image, about 1 for each row and field.',
    5000,
  ),
  FACEGRAPH_RATE_PER_MINUTE: number(
    0,
    1_000_000_000,
    'Cost that each key, and each address without one, may spend in a minute, plus 100 for each further megapixel of an image; 0: no limit. Each process counts for itself.',
    300_000,
  ),
  FACEGRAPH_MAX_QUEUE: number(
    1,
    100_000,
    'Pieces of work that may wait for the GPU, pictures that wait to be decoded for it included; beyond it, requests of whoever has most waiting are refused as EngineBusy.',
    DEFAULT_QUEUE.entries,
  ),
  FACEGRAPH_DRAIN_SECONDS: number(
    0,
    3600,
    'How long requests in flight may take to end after SIGTERM.',
    10,
  ),
  NODE_ENV: setting({
    schema: z.string().optional(),
    expected: 'anything',
    meaning: 'production: browsers get no GraphiQL.',
  }),
};

/**
 * Reads the environment.
 * @throws ConfigInvalid with a line for each problem.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const { values, problems } = readAll(env);
  if (problems.size > 0) throw new ConfigInvalid([...problems.values()]);
  return values as Config;
}

/** What of the configuration limits requests. */
export function limitsOf(config: Config): Limits {
  return {
    maxRequestBytes: config.FACEGRAPH_MAX_REQUEST_MB * 1e6,
    maxImageBytes: config.FACEGRAPH_MAX_IMAGE_MB * 1e6,
    maxImagePixels: config.FACEGRAPH_MAX_IMAGE_MEGAPIXELS * 1e6,
    maxRequestPixels: config.FACEGRAPH_MAX_REQUEST_MEGAPIXELS * 1e6,
    maxCost: config.FACEGRAPH_MAX_COST,
    ratePerMinute: config.FACEGRAPH_RATE_PER_MINUTE,
  };
}

/** Every variable with its value, default and meaning, be they right or wrong. */
export function listConfig(env: NodeJS.ProcessEnv = process.env): ListedSetting[] {
  const { problems } = readAll(env);
  return names().map((name) => {
    const problem = problems.get(name);
    return {
      name,
      value: visible(name, env),
      default: defaultOf(name) ?? null,
      meaning: SETTINGS[name].meaning,
      ...(problem && { problem }),
    };
  });
}

function readAll(env: NodeJS.ProcessEnv) {
  const values: Partial<Record<Name, unknown>> = {};
  const problems = new Map<Name, string>();
  for (const name of names()) {
    const { schema, expected } = SETTINGS[name] as Setting<z.ZodType>;
    const { success, data } = schema.safeParse(textOf(name, env));
    if (success) values[name] = data;
    else problems.set(name, `${name} is ${visible(name, env)}: give ${expected}`);
  }
  const { FACEGRAPH_RATE_PER_MINUTE: rate, FACEGRAPH_MAX_COST: cost } = values as Config;
  if (rate > 0 && rate < cost)
    problems.set(
      'FACEGRAPH_RATE_PER_MINUTE',
      `FACEGRAPH_RATE_PER_MINUTE is ${rate}: give 0 or at least FACEGRAPH_MAX_COST, which is ${cost}`,
    );
  return { values, problems };
}

function names() {
  return Object.keys(SETTINGS) as Name[];
}

// An empty variable counts as none: that is how compose files and shells leave one out.
function textOf(name: Name, env: NodeJS.ProcessEnv): string | undefined {
  return env[name] || defaultOf(name);
}

function defaultOf(name: Name): string | undefined {
  const { default: fallback } = SETTINGS[name] as Setting<z.ZodType>;
  return typeof fallback === 'function' ? fallback() : fallback;
}

function visible(name: Name, env: NodeJS.ProcessEnv): string | null {
  const { shown = (text: string) => text } = SETTINGS[name] as Setting<z.ZodType>;
  const text = textOf(name, env);
  return text === undefined ? null : shown(text);
}

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol);
}

// What is no URL may be a password in the wrong place.
function withoutPassword(text: string): string {
  if (!isPostgresUrl(text)) return '(hidden)';
  const url = new URL(text);
  if (url.password) url.password = '***';
  for (const name of [...url.searchParams.keys()])
    if (/password/i.test(name)) url.searchParams.set(name, '***');
  return url.href;
}
