const EVERY = 50;

/**
 * Says on stderr how far a long job is: one line that changes on a terminal, a line every 50
 * steps elsewhere.
 */
export function progress(label: string, done: number, total: number, path: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${label} ${done + 1}/${total} ${path}`);
  else if (done > 0 && done % EVERY === 0) process.stderr.write(`${label} ${done}/${total}\n`);
}

/** Takes the changing line off the terminal. */
export function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}
