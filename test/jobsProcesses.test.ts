import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../src/faces/database/database.ts';
import { createKey } from '../src/faces/keys.ts';
import { picture } from './api/fakeEngine.ts';
import { POSTGRES_BIN, type Postgres, startPostgres } from './api/postgres.ts';

const COUNT = 60;
const PEOPLE = 6;

/** A server in a process of its own. */
interface Server {
  readonly process: ChildProcess;
  readonly url: string;
}

async function start(databaseUrl: string): Promise<Server> {
  const entry = join(import.meta.dirname, 'api/jobServer.ts');
  const process = spawn('node', ['--import', 'tsx', entry], {
    env: { ...globalThis.process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(process.stdout!, 'data');
  return { process, url: `http://127.0.0.1:${String(port).trim()}/graphql` };
}

describe.skipIf(POSTGRES_BIN === undefined)(
  `two server processes on one PostgreSQL${POSTGRES_BIN ? '' : ' (PostgreSQL is not installed)'}`,
  () => {
    let postgres: Postgres;
    let database: Database;
    let key: string;
    let servers: Server[];

    beforeAll(async () => {
      postgres = await startPostgres();
      const url = await postgres.database();
      database = await openDatabase('unused', url);
      key = await createKey(database.client, { label: 'test', scopes: ['admin'] });
      servers = await Promise.all([start(url), start(url)]);
    });

    afterAll(async () => {
      for (const { process } of servers ?? []) process.kill('SIGKILL');
      await database?.close();
      await postgres?.stop();
    });

    const ask = async ({ url }: Server, query: string, variables: object = {}) => {
      const headers = { 'content-type': 'application/json', 'x-api-key': key };
      const body = JSON.stringify({ query, variables });
      const response = await fetch(url, { method: 'POST', headers, body });
      const { data, errors } = (await response.json()) as { data: never; errors?: unknown };
      expect(errors).toBeUndefined();
      // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
      return data as any;
    };

    it('enrol in bulk, one is killed, and nothing is lost or enrolled twice', async () => {
      const { client: db } = database;
      await ask(servers[0], 'mutation { createGallery(name: "crew") { __typename } }');
      const uploads = Array.from({ length: COUNT }, (_, i) => ({
        name: `P${i % PEOPLE}`,
        image: { base64: Buffer.from(picture([220, 30 + i, 30])).toString('base64') },
      }));
      const made = await ask(
        servers[0],
        'mutation ($source: BulkSource!) { enrolInBulk(gallery: { name: "crew" }, source: $source, allowSimilar: true) { ... on Job { id } } }',
        { source: { uploads } },
      );
      const { id } = made.enrolInBulk;
      const done = () => db.job.findFirstOrThrow().then((job) => job.done);
      await expect.poll(done, { interval: 5, timeout: 20_000 }).toBeGreaterThan(COUNT / 5);

      const { lease } = await db.job.findFirstOrThrow();
      const holds = ({ process }: Server) => lease?.split('/')[1] === String(process.pid);
      const victim = servers.find(holds)!;
      const [survivor] = servers.filter((server) => server !== victim);
      victim.process.kill('SIGKILL');
      await once(victim.process, 'exit');
      const atDeath = await done();
      expect(atDeath).toBeLessThan(COUNT);
      // Followed through the process that did not have it.
      const states = await progress(survivor, key, id);
      expect(states[0]).toMatchObject({ state: 'RUNNING', done: atDeath });
      expect(states.at(-1)).toEqual({ state: 'DONE', done: COUNT, refused: 0 });

      const faces = await db.face.findMany({ select: { id: true, imageHash: true } });
      expect(faces).toHaveLength(COUNT);
      expect(new Set(faces.map(({ imageHash }) => imageHash)).size).toBe(COUNT);
      const items = await db.jobItem.findMany();
      expect(items.filter(({ state }) => state !== 'DONE')).toEqual([]);
      expect(items.map(({ faceId }) => faceId).sort()).toEqual(faces.map((face) => face.id).sort());
      expect(items.filter(({ payload }) => payload !== null)).toEqual([]);
      expect(await db.identity.count()).toBe(PEOPLE);
      const { galleries } = await ask(survivor, '{ galleries { edges { node { faceCount } } } }');
      expect(galleries.edges[0].node.faceCount).toBe(COUNT);
    });
  },
);

/** Every event of the job, until the server ends the stream. */
async function progress({ url }: Server, key: string, id: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      'x-api-key': key,
    },
    body: JSON.stringify({
      query: 'subscription ($id: ID!) { jobProgress(id: $id) { state done refused } }',
      variables: { id },
    }),
  });
  const text = await response.text();
  return [...text.matchAll(/^data: ?(\{.+)$/gm)].map(
    ([, data]) => JSON.parse(data).data.jobProgress,
  );
}
