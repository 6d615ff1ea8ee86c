import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Diagnosis } from '../src/cli/diagnosis.ts';
import { openDatabase } from '../src/faces/database/database.ts';
import { databaseState } from '../src/faces/database/databaseState.ts';

const folder = mkdtempSync(join(tmpdir(), 'facegraph-doctor-'));

afterAll(() => rmSync(folder, { recursive: true }));

describe('state of the database', () => {
  const data = join(folder, 'data');

  it('is absent before the first start, and looking does not make it', async () => {
    expect(await databaseState(data)).toEqual({ kind: 'PGlite', state: 'absent' });
    expect(await databaseState(data)).toEqual({ kind: 'PGlite', state: 'absent' });
  });

  it('is reachable once a server has made it', async () => {
    const database = await openDatabase(data);
    await database.close();
    expect(await databaseState(data)).toEqual({
      kind: 'PGlite',
      state: 'reachable',
      applied: database.migrated,
      pending: [],
    });
    expect(database.migrated.length).toBeGreaterThan(0);
  });

  it('is in use while another process has it open', async () => {
    writeFileSync(join(data, 'lock'), String(process.ppid));
    expect(await databaseState(data)).toMatchObject({
      state: 'in use',
      reason: expect.stringContaining(String(process.ppid)),
    });
  });

  it('is unreachable where no server listens, with the reason', async () => {
    expect(await databaseState(data, 'postgres://nobody@127.0.0.1:1/none')).toMatchObject({
      kind: 'PostgreSQL',
      state: 'unreachable',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('facegraph doctor', () => {
  function doctor(env: Record<string, string>, ...options: string[]) {
    return spawnSync(process.execPath, ['scripts/facegraph.mjs', 'doctor', ...options], {
      encoding: 'utf8',
      env: { ...process.env, FACEGRAPH_DATA: join(folder, 'none'), ...env },
    });
  }

  it('says which weights are missing and how to get them, in one JSON document', () => {
    const { status, stdout } = doctor({ FACEGRAPH_CACHE: join(folder, 'empty') }, '--json');
    expect(status).toBe(1);
    const { node, models, database, problems } = JSON.parse(stdout) as Diagnosis;
    expect(node).toBe(process.version);
    expect(models.map(({ model, present }) => [model, present])).toContainEqual(['mtcnn', false]);
    expect(database.state).toBe('absent');
    expect(problems).toContainEqual({
      essential: true,
      problem: 'the weights of mtcnn are not here',
      remedy: 'npm run -s facegraph -- weights pull mtcnn',
    });
  });

  it('describes the adapter for people', () => {
    const { stdout } = doctor({});
    expect(stdout).toMatch(/^adapter\n {2}driver +\S/m);
    expect(stdout).toMatch(/subgroups +yes/);
    expect(stdout).toMatch(/maxBufferSize +[\d,]+/);
  });

  it.skipIf(process.platform !== 'linux')('says what to do without an adapter (Linux)', () => {
    const { status, stdout } = doctor({ VK_DRIVER_FILES: join(folder, 'no-driver.json') });
    expect(status).toBe(1);
    expect(stdout).toMatch(/missing: no usable WebGPU adapter: .+\n {2}do: .+/);
  });
});
