import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { profilePage } from '../src/cli/profilePage.ts';
import { comparisonText, profileText } from '../src/cli/profileText.ts';
import {
  type ComparableProfile,
  compareProfiles,
  parseProfile,
} from '../src/engine/profile/compare.ts';
import { type Frame, frames } from '../src/engine/profile/frames.ts';
import type { Profile } from '../src/engine/profile/profile.ts';
import { trace } from '../src/engine/profile/trace.ts';
import { exampleProfile, exampleStep, times } from './support/exampleProfile.ts';

/** The example with one step changed. */
function withStep(name: string, change: Partial<Profile['steps'][number]>): Profile {
  const profile = exampleProfile();
  const steps = profile.steps.map((step) => (step.name === name ? { ...step, ...change } : step));
  return { ...profile, steps };
}

const A = exampleProfile();
const parity = A.steps[0].parity;

const compareTwo = (a: ComparableProfile, b: ComparableProfile) => compareProfiles([a], [b]);

describe('comparison of profiles', () => {
  it('of one with itself finds nothing', () => {
    const none = { slower: [], faster: [], lessExact: [], onlyA: [], onlyB: [], notes: [] };
    expect(compareTwo(A, A)).toEqual(none);
    expect(comparisonText(none)).toBe('nothing is slower beyond the noise or less exact');
  });

  it('names the step that became slower, and it alone', () => {
    const { slower, faster, lessExact } = compareTwo(A, withStep('block/a', { time: times(3) }));
    expect(slower).toMatchObject([{ what: 'net: block/a', kernel: 'conv', from: 2, to: 3 }]);
    expect([faster, lessExact]).toEqual([[], []]);
    const back = compareTwo(withStep('block/a', { time: times(3) }), A);
    expect(back.faster).toMatchObject([{ what: 'net: block/a', from: 3, to: 2 }]);
    expect(back.slower).toEqual([]);
  });

  it('takes for noise what the scatter explains, and what is too little to care', () => {
    // σ = 1 / 1.349; of a median of 9, ·1.2533 / 3 = 0.31 ms each; four of both together are 1.75.
    const scattered = (median: number) => ({
      time: { median, quartiles: [median - 0.5, median + 0.5] as const, n: 9 },
    });
    const slowerBy = (ms: number) =>
      compareTwo(withStep('stem', scattered(4)), withStep('stem', scattered(4 + ms))).slower;
    expect(slowerBy(1.7)).toEqual([]);
    expect(slowerBy(1.8)).toHaveLength(1);
    expect(slowerBy(1.8)[0].noise).toBeCloseTo(1.752, 3);
    const exact = (median: number) => ({
      time: { median, quartiles: [median, median] as const, n: 9 },
    });
    expect(compareTwo(withStep('stem', exact(4)), withStep('stem', exact(4.19))).slower).toEqual(
      [],
    );
    expect(
      compareTwo(withStep('stem', exact(4)), withStep('stem', exact(4.21))).slower,
    ).toHaveLength(1);
  });

  it('takes for noise how far apart processes are, where there are several', () => {
    const exact = (median: number) =>
      withStep('stem', { time: { median, quartiles: [median, median], n: 9 } });
    const lone = compareTwo(exact(4), exact(5));
    expect(lone.slower).toHaveLength(1);
    expect(lone.notes).toEqual([expect.stringContaining('compare several')]);
    // σ = 1; of a median of 3, ·1.2533 / √3 = 0.724 each; four of both together are 4.093.
    const compareMany = (by: number) =>
      compareProfiles(
        [3, 5, 4].map(exact),
        [4, 3, 5].map((ms) => exact(ms + by)),
      );
    expect(compareMany(4.05).slower).toEqual([]);
    const { slower, notes } = compareMany(4.15);
    expect(slower).toMatchObject([{ what: 'net: stem', from: 4, to: 8.15 }]);
    expect(slower[0].noise).toBeCloseTo(4.093, 3);
    expect(notes).toEqual([]);
  });

  it('takes of several the least exact', () => {
    const off = (rms: number | null) => withStep('stem', { parity: { ...parity, rms } });
    const lessExact = (b: Profile[]) =>
      compareProfiles(
        b.map(() => A),
        b,
      ).lessExact;
    expect(lessExact([A, A])).toEqual([]);
    expect(lessExact([A, off(5e-7), A])).toMatchObject([{ what: 'net: stem', to: 5e-7 }]);
    expect(lessExact([off(null), off(5e-7)])).toMatchObject([{ to: Number.POSITIVE_INFINITY }]);
  });

  it('refuses to take profiles of several programs for one', () => {
    const other = { ...A, steps: A.steps.slice(1) };
    expect(() => compareProfiles([A, other], [A, A])).toThrow('different programs');
    expect(() => compareProfiles([A, A], [A, { ...A, batch: 2 }])).toThrow('batch sizes: 1 and 2');
  });

  it('names what became less exact, not what rounding moves', () => {
    const lessExact = (change: object) =>
      compareTwo(A, withStep('stem', { parity: { ...parity, ...change } })).lessExact;
    expect(lessExact({ rms: 3e-7 })).toEqual([]);
    expect(lessExact({ rms: 5e-7 })).toMatchObject([{ what: 'net: stem', from: 2e-7, to: 5e-7 }]);
    expect(lessExact({ outside: 1 })).toHaveLength(1);
    expect(lessExact({ max: null, rms: null })).toHaveLength(1);
  });

  it('compares whole networks too', () => {
    const sections = [{ name: 'net', whole: times(12), parity: null }];
    expect(compareTwo(A, { ...A, sections }).slower).toMatchObject([
      { what: 'net as a whole', from: 8, to: 12 },
    ]);
  });

  it('says which steps only one has, and that the machine was another', () => {
    const steps = [...A.steps.slice(0, 2), exampleStep('block/c', 6, 1)];
    const ceilings = { ...A.ceilings, flopPerSecond: 5e12 };
    const { onlyA, onlyB, notes } = compareTwo(A, { ...A, steps, ceilings });
    expect([onlyA, onlyB]).toEqual([['net: block/b'], ['net: block/c']]);
    expect(notes).toEqual([expect.stringMatching(/ceiling of arithmetic is 0\.50 of A's/)]);
  });

  it.each([
    [{ model: 'other' }, 'different models: facenet-vggface2 and other'],
    [{ batch: 2 }, 'different batch sizes: 1 and 2'],
    [{ clock: 'wall' as const }, 'different clocks'],
  ])('refuses %o', (change, reason) => {
    expect(() => compareTwo(A, { ...A, ...change })).toThrow(reason);
  });

  it.each(['{', '{}', '{"format":2}', '[]'])('reads no profile out of %s', (text) => {
    expect(() => parseProfile(text, 'a.json')).toThrow(/^a\.json is no/);
  });

  it('reads what --json writes', () => {
    const read = parseProfile(JSON.stringify(A), 'a.json');
    expect(compareTwo(read, A).slower).toEqual([]);
    expect(read.steps).toHaveLength(3);
  });
});

const name = fc
  .array(fc.constantFrom('a', 'b', 'conv2_1_x', 'level 0'), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));
const anyProfile = fc
  .array(fc.tuple(name, fc.double({ min: 0, max: 100, noNaN: true }), fc.boolean()), {
    minLength: 1,
  })
  .map((rows) => {
    let at = 0;
    const steps = rows.map(([label, ms, other]) => {
      const step = exampleStep(label, at, ms);
      at += ms;
      return { ...step, section: other ? 'net' : 'other' };
    });
    return exampleProfile({ steps });
  });

describe('frames and traces', () => {
  const leaves = (frame: Frame): Frame[] => (frame.step ? [frame] : frame.children.flatMap(leaves));

  it('put blocks of layers together', () => {
    const steps = ['conv1/7x7', 'conv2_1_1x1', 'conv2_1_3x3/relu', 'conv2_2_1x1'].map((label, i) =>
      exampleStep(label, i, 1),
    );
    const [net] = frames({ steps });
    expect([net.name, net.begin, net.end]).toEqual(['net', 0, 4]);
    expect(net.children.map((frame) => frame.name)).toEqual([
      'conv1/7x7',
      'conv2_1',
      'conv2_2/1x1',
    ]);
    expect(net.children[1].children.map((frame) => frame.name)).toEqual(['1x1', '3x3/relu']);
  });

  it('lose no step, keep their order, and lie within their parents', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const all = frames(profile);
        expect(all.flatMap(leaves).map(({ step }) => step)).toEqual(profile.steps);
        const within = (frame: Frame): void => {
          for (const child of frame.children) {
            expect(child.begin).toBeGreaterThanOrEqual(frame.begin);
            expect(child.end).toBeLessThanOrEqual(frame.end);
            within(child);
          }
        };
        all.forEach(within);
      }),
    );
  });

  it('are JSON whose events begin in order, in microseconds', () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const { traceEvents } = JSON.parse(JSON.stringify(trace(profile)));
        let last = 0;
        for (const { ph, ts, dur, pid, tid, name: label } of traceEvents) {
          expect([typeof label, pid, tid]).toEqual(['string', 1, 1]);
          expect(ts).toBeGreaterThanOrEqual(last);
          if (ph === 'X') expect(dur).toBeGreaterThanOrEqual(0);
          last = ts;
        }
        const steps = traceEvents.filter(({ cat }: { cat?: string }) => cat === 'conv');
        expect(steps).toHaveLength(profile.steps.length);
      }),
    );
    const events = trace(A).traceEvents.filter(({ ph }) => ph === 'X');
    expect(events.map(({ name: label, ts, dur }) => [label, ts, dur])).toEqual([
      ['net', 0, 7000],
      ['stem', 0, 4000],
      ['block', 4000, 3000],
      ['a', 4000, 2000],
      ['b', 6000, 1000],
    ]);
  });
});

describe('the page and the text', () => {
  it('have every step, slowest first, and the page fetches and runs nothing', () => {
    const steps = [...A.steps, exampleStep('<b>&amp;', 7, 9)];
    const page = profilePage({ ...A, steps });
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)|<link|@import|url\((?!#)/);
    expect(page).toContain('&#60;b&#62;&#38;amp;');
    expect(page).not.toContain('<b>&amp;');
    expect(page.match(/<svg/g)).toHaveLength(2);
    for (const words of ['FLOP per byte', 'achieved (GFLOP/s)', 'flame chart'])
      expect(page).toContain(words);
    const text = profileText({ ...A, steps });
    const order = ['<b>', 'stem', 'block/a', 'block/b'].map((label) =>
      text.indexOf(`net: ${label}`),
    );
    expect(order.every((at, i) => at > (order[i - 1] ?? 0))).toBe(true);
  });

  it('say when times are those of a clock on the wall, and what is wrong', () => {
    const wrong = withStep('stem', { parity: { ...parity, max: null, rms: null, outside: 7 } });
    const text = profileText({ ...wrong, clock: 'wall' });
    expect(text).toMatch(/clock +wall clock: each step submitted and waited for/);
    expect(text).toMatch(/stem .* not a number .* 7 WRONG/);
  });
});
