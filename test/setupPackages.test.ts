import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { staleness } from '../scripts/setup/dependencies.mjs';

const lock = {
  packages: {
    '': { version: '0.1.0' },
    'node_modules/tsx': { version: '4.23.15' },
    'node_modules/vitest': { version: '4.1.12', dev: true },
    'node_modules/@esbuild/darwin-arm64': { version: '0.28.2', optional: true },
  },
};

function without(name: string) {
  const entries = Object.entries(lock.packages).filter(([path]) => path !== `node_modules/${name}`);
  return { packages: Object.fromEntries(entries) };
}

describe('staleness of the installed packages', () => {
  it('is none when they are the locked ones, those of other platforms aside', () => {
    expect(staleness(lock, without('@esbuild/darwin-arm64'), { dev: true })).toBeUndefined();
  });

  it('is that nothing was installed, or not to the end', () => {
    expect(staleness(lock, undefined, { dev: true })).toBe('not installed yet');
  });

  it('names a package that is missing', () => {
    expect(staleness(lock, without('tsx'), { dev: true })).toBe('tsx is missing');
  });

  it('needs the development packages for tests only', () => {
    expect(staleness(lock, without('vitest'), { dev: false })).toBeUndefined();
    expect(staleness(lock, without('vitest'), { dev: true })).toBe('vitest is missing');
  });

  it('names a package of another version, even an optional one', () => {
    const path = 'node_modules/@esbuild/darwin-arm64';
    const old = { packages: { ...lock.packages, [path]: { version: '0.28.1' } } };
    expect(staleness(lock, old, { dev: false })).toBe(
      '@esbuild/darwin-arm64 is 0.28.1, wanted 0.28.2',
    );
  });
});

describe('package-lock.json', () => {
  interface Entry {
    readonly resolved?: string;
    readonly optionalDependencies?: Record<string, string>;
  }
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, Entry>;
  };

  it('names no registry: npm takes the one the user has configured', () => {
    expect(Object.entries(packages).filter(([, { resolved }]) => resolved)).toEqual([]);
  });

  it('holds the packages of every platform, or npm ci fails on all of them', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          !packages[`${path}/node_modules/${name}`] &&
          !packages[`${path.replace(/node_modules\/(@[^/]+\/)?[^/]+$/, '')}node_modules/${name}`] &&
          !packages[`node_modules/${name}`],
      ),
    );
    expect(missing).toEqual([]);
  });
});
