import type { Profile, StepProfile } from '../../src/engine/profile/profile.ts';
import type { Spread } from '../../src/engine/spread.ts';

/** A profile by hand: three steps of 4, 2 and 1 ms, all exact. */
export function exampleProfile(changes: Partial<Profile> = {}): Profile {
  return {
    format: 1,
    model: 'facenet-vggface2',
    weights: 'genuine',
    batch: 1,
    image: null,
    date: '2026-11-25T12:00:00.000Z',
    adapter: { description: 'an adapter', software: false },
    clock: 'timestamp-query',
    runs: 9,
    replaced: {},
    ceilings: { bytesPerSecond: 1e12, flopPerSecond: 1e13, n: 9 },
    sections: [{ name: 'net', whole: times(8), parity: null }],
    steps: [exampleStep('stem', 0, 4), exampleStep('block/a', 4, 2), exampleStep('block/b', 6, 1)],
    ...changes,
  };
}

/** A step that begins and takes so many milliseconds. */
export function exampleStep(name: string, begin: number, ms: number): StepProfile {
  return {
    section: 'net',
    name,
    kernel: 'conv',
    constants: { TM: 4 },
    inputs: [[1, 8, 8, 4]],
    output: [1, 8, 8, 4],
    time: times(ms),
    begin,
    took: ms,
    flop: 1e6,
    read: 1e4,
    written: 1e3,
    flopPerSecond: 1e9 / ms,
    bytesPerSecond: 1.1e7 / ms,
    share: { flop: 1e-4, bytes: 1e-5 },
    parity: { max: 1e-6, rms: 2e-7, scale: 1, n: 256, of: 256, outside: 0 },
  };
}

/** Nine measurements that scatter by two parts in a hundred. */
export function times(ms: number): Spread {
  return { median: ms, quartiles: [ms * 0.99, ms * 1.01], n: 9 };
}
