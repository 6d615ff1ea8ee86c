import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { serverVariables } from '../scripts/setup/environment.mjs';

const THRESHOLD = 'MALLOC_MMAP_THRESHOLD_';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.skipIf(process.platform !== 'linux')('malloc of a process that serves (Linux)', () => {
  it('gives blocks of 128 KB and more back to the system', () => {
    vi.stubEnv(THRESHOLD, undefined);
    vi.stubEnv('GLIBC_TUNABLES', undefined);
    expect(serverVariables()).toMatchObject({ [THRESHOLD]: '131072' });
  });

  it('stays as whoever starts it wants it', () => {
    vi.stubEnv(THRESHOLD, '65536');
    expect(serverVariables()).not.toHaveProperty(THRESHOLD);
    vi.stubEnv(THRESHOLD, undefined);
    vi.stubEnv('GLIBC_TUNABLES', 'glibc.malloc.mmap_threshold=65536');
    expect(serverVariables()).not.toHaveProperty(THRESHOLD);
  });

  it('is set before `facegraph serve` starts, not for verbs that end', () => {
    expect(seenBy('serve')).toContain('131072');
    expect(seenBy('detect')).not.toContain('131072');
  });
});

/** What every process that a verb starts finds in its environment. */
function seenBy(verb: string): string {
  const tell = `console.error('seen', process.env.${THRESHOLD})`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['scripts/facegraph.mjs', verb, '--help'],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        [THRESHOLD]: undefined,
        GLIBC_TUNABLES: undefined,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tell)}`,
      },
    },
  );
  expect(status).toBe(0);
  expect(stderr).toContain('seen undefined');
  return stderr;
}
