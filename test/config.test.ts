import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigInvalid, listConfig, readConfig } from '../src/config.ts';

const ROOT = join(import.meta.dirname, '..');

describe('configuration', () => {
  it('has a default for everything that the server needs', () => {
    expect(readConfig({})).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 4000,
      DATABASE_URL: undefined,
      FACEGRAPH_DATA: '.data',
      FACEGRAPH_METRICS: 'on',
    });
    expect(readConfig({ PORT: '' }).PORT).toBe(4000);
    expect(readConfig({ PORT: '0', FACEGRAPH_METRICS: '9100' })).toMatchObject({
      PORT: 0,
      FACEGRAPH_METRICS: 9100,
    });
  });

  it('names every problem in a line of its own', () => {
    const bad = { PORT: '70000', FACEGRAPH_LOG_LEVEL: 'loud', FACEGRAPH_METRICS: 'maybe' };
    expect(problems(bad)).toEqual([
      'PORT is 70000: give a whole number from 0 to 65535',
      'FACEGRAPH_LOG_LEVEL is loud: give debug, info, warn, error or silent',
      'FACEGRAPH_METRICS is maybe: give on, off or a port',
    ]);
    for (const PORT of ['-1', '1.5', '1e3', '0x10', ' 80', 'NaN', 'http'])
      expect(problems({ PORT })).toHaveLength(1);
  });

  it('refuses a rate that a single request would exceed', () => {
    const [problem] = problems({ FACEGRAPH_RATE_PER_MINUTE: '4999' });
    expect(problem).toBe(
      'FACEGRAPH_RATE_PER_MINUTE is 4999: give 0 or at least FACEGRAPH_MAX_COST, which is 5000',
    );
    expect(problems({ FACEGRAPH_RATE_PER_MINUTE: '0' })).toEqual([]);
  });

  it('never shows a password', () => {
    for (const url of [
      'postgresql://me:s3cret@db:5432/faces',
      'postgres://me@db/faces?password=s3cret&sslpassword=s3cret',
      'mysql://me:s3cret@db/faces',
      's3cret',
    ]) {
      const listed = JSON.stringify(listConfig({ DATABASE_URL: url }));
      expect(listed).toContain('DATABASE_URL');
      expect(listed).not.toContain('s3cret');
      expect(problems({ DATABASE_URL: url }).join()).not.toContain('s3cret');
    }
    const [shown] = listConfig({ DATABASE_URL: 'postgresql://me:x@db/faces' }).filter(
      ({ name }) => name === 'DATABASE_URL',
    );
    expect(shown.value).toBe('postgresql://me:***@db/faces');
  });

  it('is listed by facegraph config, problems on stderr', () => {
    const env = { ...process.env, PORT: 'http', DATABASE_URL: 'postgresql://me:s3cret@db/faces' };
    const run = (...options: string[]) =>
      spawnSync(process.execPath, ['scripts/facegraph.mjs', 'config', ...options], {
        cwd: ROOT,
        encoding: 'utf8',
        env,
      });
    const { status, stdout, stderr } = run('--json');
    expect(status).toBe(1);
    expect(stderr).toContain('facegraph: PORT is http: give a whole number from 0 to 65535');
    const url = 'postgresql://me:***@db/faces';
    expect(JSON.parse(stdout)).toContainEqual({
      name: 'DATABASE_URL',
      value: url,
      default: null,
      meaning: expect.stringContaining('PostgreSQL'),
    });
    expect(run().stdout).toContain(`DATABASE_URL = ${url} (default: none)`);
  });

  it('lists every variable of ours that the code reads', () => {
    const read = ['src', 'scripts']
      .flatMap((folder) =>
        readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
          .filter((path) => /\.m?[tj]s$/.test(path) && !path.startsWith('generated'))
          .map((path) => readFileSync(join(ROOT, folder, path), 'utf8')),
      )
      .flatMap((text) => text.match(/\b(?:FACEGRAPH_[A-Z_]+|DATABASE_URL)\b/g) ?? []);
    const listed = listConfig({}).map(({ name }) => name);
    expect([...new Set(read)].filter((name) => !listed.includes(name))).toEqual([]);
  });
});

function problems(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    return error.problems;
  }
}
