import { GraphQLError } from 'graphql';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';

/**
 * The log: JSON, one line an event, on stderr unless told. What is written is complete when the
 * program ends, however it ends: lines are few and written at once.
 */
export function createLog(
  level: string,
  stream: DestinationStream = destination({ fd: 2, sync: true }),
): Logger {
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ level, base: null, timestamp: stdTimeFunctions.isoTime, formatters }, stream);
}

/**
 * What the log may hold of an error: no properties, which could hold anything that a client sent, and
 * of Prisma's messages only the end, because before it they quote what the query was called with.
 */
export function loggable(error: unknown): object {
  const { name, message, stack, cause, code } = original(error);
  return {
    name,
    message: name.startsWith('PrismaClient') ? message.split('\n\n').at(-1) : message,
    ...(typeof code === 'string' && { code }),
    // It repeats the message first.
    stack: stack
      ?.split('\n')
      .filter((frame) => frame.startsWith('    at '))
      .join('\n'),
    ...(cause instanceof Error && { cause: loggable(cause) }),
  };
}

function original(error: unknown): Error & { code?: unknown } {
  if (error instanceof GraphQLError && error.originalError) return original(error.originalError);
  return error instanceof Error ? error : new Error(String(error));
}
