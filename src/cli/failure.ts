import { FacegraphError } from '../errors.ts';

/** The reason of a failure in one line: `Code: message`, or `unexpected: message` for a bug. */
export function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const kind = error instanceof FacegraphError ? error.code : 'unexpected';
  return `${kind}: ${message}`.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}

/**
 * Says what went wrong on stderr and makes the process end with exit code 1, later. The stack is
 * shown when FACEGRAPH_DEBUG is set.
 */
export function report(error: unknown, path?: string): void {
  say(path === undefined ? explain(error) : `${path}: ${explain(error)}`);
  if (process.env.FACEGRAPH_DEBUG && error instanceof Error) say(error.stack ?? 'no stack');
  process.exitCode = 1;
}

/** A line on stderr, in the program's name. */
export function say(line: string): void {
  process.stderr.write(`facegraph: ${line}\n`);
}
