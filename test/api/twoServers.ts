import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { exportBundle } from '../../src/faces/bundle/exportBundle.ts';
import { importBundle } from '../../src/faces/bundle/importBundle.ts';
import type { Service } from '../../src/faces/gallery/galleries.ts';
import { fakeEngine } from './fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './harness.ts';
import { POSTGRES_BIN, startPostgres } from './postgres.ts';

/** Two servers that a bundle goes between; the second is on PostgreSQL where it is installed. */
export interface TwoServers {
  readonly here: Api;
  readonly there: Api;
  close(): Promise<void>;
}

/** The engine of both servers. */
export const engine = fakeEngine();

/** Opens two servers without galleries; the process's directory for temporary files is of theirs alone. */
export async function openTwoServers(): Promise<TwoServers> {
  const directory = await temporaryDirectory();
  const temporary = process.env.TMPDIR;
  const server = POSTGRES_BIN ? await startPostgres() : undefined;
  process.env.TMPDIR = `${directory.path}/temporary`;
  await mkdir(process.env.TMPDIR);
  const here = await openApi(engine, { directory: `${directory.path}/here` });
  const url = await server?.database();
  const there = await openApi(engine, { directory: `${directory.path}/there`, url });
  return {
    here,
    there,
    async close() {
      await Promise.all([here.close(), there.close()]);
      await server?.stop();
      await directory.remove();
      if (temporary === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = temporary;
    },
  };
}

/** What the domain is called with, for a key that is bound to no gallery. */
export function service({ database, indexes }: Api): Service {
  return { db: database.client, engine, indexes, galleries: null };
}

/** A gallery's bundle. */
export async function exported(api: Api, id: string): Promise<Buffer> {
  const { stream } = await exportBundle(service(api), { id }, { keyId: 'test' });
  return Buffer.concat(await stream.toArray());
}

/** Imports a bundle. */
export function imported(api: Api, bytes: Buffer, options = {}) {
  return importBundle(service(api), Readable.from([bytes]), { keyId: 'test', ...options });
}

/** The files that exports and imports have open for what goes through them. */
export async function spools(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('facegraph-bundle-'));
}
