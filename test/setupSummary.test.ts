import { describe, expect, it } from 'vitest';
import { summary } from '../scripts/setup/summary.mjs';

const file = (status: string, ...tests: [status: string, fullName: string][]) => ({
  name: '/x/test/a.test.ts',
  status,
  message: status === 'failed' ? 'Cannot find module\nstack' : '',
  assertionResults: tests.map(([state, fullName]) => ({ status: state, fullName })),
});

describe('summary of a test run', () => {
  it('ends with the counts and names what was skipped', () => {
    const { lines, failed } = summary({
      testResults: [
        file('passed', ['passed', 'a'], ['pending', 'LFW (needs ../shared/data)']),
        file('failed', ['failed', 'b'], ['passed', 'c'], ['todo', 'd']),
      ],
    });
    expect(lines).toEqual([
      'skipped: LFW (needs ../shared/data)',
      'skipped: d',
      '2 passed, 1 failed, 2 skipped',
    ]);
    expect(failed).toBe(1);
  });

  it('counts a file that could not be loaded as a failure and says why', () => {
    const { lines, failed } = summary({
      testResults: [file('failed'), file('passed', ['passed', 'a'])],
    });
    expect(lines).toEqual([
      'failed: /x/test/a.test.ts: Cannot find module',
      '1 passed, 1 failed, 0 skipped',
    ]);
    expect(failed).toBe(1);
  });
});
