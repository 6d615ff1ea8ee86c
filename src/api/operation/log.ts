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

/** What the log may hold of an error: no properties, which could hold anything that a client sent. */
export function loggable(error: unknown): object {
  const { message, stack, cause, code } = original(error);
  return {
    message,
    ...(typeof code === 'string' && { code }),
    stack,
    ...(cause instanceof Error && { cause: loggable(cause) }),
  };
}

function original(error: unknown): Error & { code?: unknown } {
  if (error instanceof GraphQLError && error.originalError) return original(error.originalError);
  return error instanceof Error ? error : new Error(String(error));
}
