import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

/** A PostgreSQL server of the tests' own. */
export interface Postgres {
  /** Makes an empty database and returns its URL. */
  database(): Promise<string>;
  stop(): Promise<void>;
}

const DEBIAN = '/usr/lib/postgresql';

/** Where `initdb` and `pg_ctl` are; undefined when PostgreSQL is not installed as on Debian. */
export const POSTGRES_BIN = existsSync(DEBIAN)
  ? readdirSync(DEBIAN)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(DEBIAN, version, 'bin'))
      .find((bin) => existsSync(join(bin, 'initdb')))
  : undefined;

/** Starts a server on a free port with its data in a temporary directory. */
export async function startPostgres(): Promise<Postgres> {
  const directory = await mkdtemp(join(tmpdir(), 'facegraph-pg-'));
  // The server refuses to run as root, so its own user must be able to write here.
  const owner = process.getuid?.() === 0 ? idOf('postgres') : undefined;
  if (owner) await chown(directory, owner.uid, owner.gid);
  await chmod(directory, 0o700);
  const port = await freePort();
  const data = join(directory, 'data');
  const run = (program: string, args: string[]) =>
    execFileSync(join(POSTGRES_BIN!, program), args, { stdio: 'ignore', cwd: directory, ...owner });
  run('initdb', ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync']);
  const options = `-p ${port} -k ${directory} -c listen_addresses=127.0.0.1 -c fsync=off`;
  run('pg_ctl', ['-D', data, '-w', '-l', join(directory, 'log'), '-o', options, 'start']);
  const url = (name: string) => `postgresql://postgres@127.0.0.1:${port}/${name}`;
  let count = 0;
  return {
    async database() {
      const name = `test${count++}`;
      const client = new pg.Client(url('postgres'));
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return url(name);
    },
    async stop() {
      run('pg_ctl', ['-D', data, '-m', 'immediate', 'stop']);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function idOf(user: string): { uid: number; gid: number } {
  if (userInfo().username === user) return userInfo();
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return address.port;
}
