import { spawn } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A failure with a message for people; its stack says nothing more. */
export class SetupError extends Error {}

/**
 * Runs a program without a shell, its output passed on or kept.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{env?: Record<string, string | undefined>, show?: boolean, seconds?: number, stderr?: 'keep' | 'drop', shell?: boolean}} [options]
 *   `show`: pass the output on instead of keeping it; `seconds`: kill it after that time.
 * @returns {Promise<{code: number, stdout: string, output: string}>} `output` is both streams;
 *   code 127 when the program cannot be started, 128 + n when signal n ended it.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', options.show ? 'inherit' : 'pipe', options.show ? 'inherit' : 'pipe'],
      timeout: (options.seconds ?? 0) * 1000,
      shell: options.shell ?? false,
    });
    let stdout = '';
    let output = '';
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
      output += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', (error) => resolve({ code: 127, stdout, output: error.message }));
    child.on('close', (code, signal) => resolve({ code: exitCode(code, signal), stdout, output }));
  });
}

/**
 * Runs npm, the one that started us if there is one.
 * @param {readonly string[]} args
 * @param {{show?: boolean}} [options]
 */
export function npm(args, options = {}) {
  const started = process.env.npm_execpath;
  if (started && basename(started) === 'npm-cli.js')
    return run(process.execPath, [started, ...args], options);
  return run('npm', args, { ...options, shell: process.platform === 'win32' });
}

/**
 * Runs node in the foreground: it gets our streams and signals, and we end as it ends.
 * @param {readonly string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<number>} its exit code
 */
export function foreground(args, env = {}) {
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  let asked = false;
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => {
    asked = true;
    // A terminal sends Ctrl-C to both of us already; a second one would be taken for impatience.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, pass);
  if (process.env.npm_lifecycle_event) {
    // npm passes SIGTERM to a shell that dies of it alone, which would leave us running unseen.
    const parent = process.ppid;
    setInterval(() => process.ppid === parent || asked || pass('SIGTERM'), 500).unref();
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(exitCode(code, signal)));
  });
}

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function exitCode(code, signal) {
  if (code !== null) return code;
  return 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : signal === 'SIGTERM' ? 15 : 6);
}
