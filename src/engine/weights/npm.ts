import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { FacegraphError } from '../../errors.ts';

/** Where a package's tarball is, and the digest the registry gives for it. */
export interface Tarball {
  readonly url: string;
  /** Base64 sha512; undefined for packages from before npm had it. */
  readonly sha512?: string;
}

/**
 * Asks the user's own npm, with its own configuration, where the tarball of `package@version` is.
 * The address is for the request only: it must be neither shown nor stored.
 * @throws FacegraphError `ModelUnavailable` with npm's error code.
 */
export async function tarballOf(spec: string): Promise<Tarball> {
  const answer = await npm(['view', spec, 'dist.tarball', 'dist.integrity', '--json']);
  const dist = JSON.parse(answer) as string | Record<'dist.tarball' | 'dist.integrity', string>;
  // npm drops the key when only one of two fields exists.
  if (typeof dist === 'string') return { url: dist };
  const integrity = /sha512-(\S+)/.exec(dist['dist.integrity']);
  return { url: dist['dist.tarball'], sha512: integrity?.[1] };
}

/**
 * Lets npm itself fetch the tarball, with its credentials, proxy and certificates; not resumable.
 * @returns the path of the tarball in `directory`.
 * @throws FacegraphError `ModelUnavailable` with npm's error code.
 */
export async function packInto(spec: string, directory: string): Promise<string> {
  const answer = await npm(['pack', spec, '--pack-destination', directory, '--json']);
  const [{ filename }] = JSON.parse(answer) as { filename: string }[];
  return join(directory, filename);
}

function npm(args: string[]): Promise<string> {
  const script = process.env.npm_execpath;
  // Under `npm run` that very npm is used. Elsewhere on Windows npm is a batch file, which needs a
  // shell; the arguments come from manifests and paths of the cache.
  const [command, head] = script?.endsWith('.js') ? [process.execPath, [script]] : ['npm', []];
  const shell = command === 'npm' && process.platform === 'win32';
  return new Promise((resolve, reject) => {
    const quoted = shell ? args.map((arg) => `"${arg}"`) : args;
    const child = spawn(command, [...head, ...quoted], {
      shell,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.on('error', () => reject(failure('npm cannot be started')));
    child.on('close', (code) => {
      if (code === 0 && out.trim() !== '') resolve(out);
      // npm's messages name the registry, so only its code is passed on.
      else reject(failure(/npm error code (\S+)/.exec(err)?.[1] ?? `npm ended with ${code}`));
    });
  });
}

function failure(reason: string): FacegraphError {
  return new FacegraphError('ModelUnavailable', `npm: ${reason}`);
}
