import { describe, expect, it } from 'vitest';
import type { MaskProbe, MaskSubject } from '../src/faces/evaluation/maskComparisons.ts';
import { maskFigures } from '../src/faces/evaluation/maskFigures.ts';

/** A direction in the plane: distances are 1 − cos of the angle between two. */
function at(degrees: number): Float32Array {
  const angle = (degrees * Math.PI) / 180;
  return Float32Array.of(Math.cos(angle), Math.sin(angle));
}

const SURGICAL = { kind: 'surgical', coverage: 'high', colour: '#96c4e2' } as const;
const CLOTH = { kind: 'cloth', coverage: 'low', colour: '#2c303a' } as const;

interface Angles {
  readonly plain: number | null;
  readonly masked: number | null;
  readonly mask?: MaskProbe['mask'];
}

function photograph(path: string, { plain, masked, mask = SURGICAL }: Angles): MaskProbe {
  return {
    path,
    plain: plain === null ? null : at(plain),
    masked: masked === null ? null : at(masked),
    mask,
  };
}

/** Somebody enrolled at `base` degrees, and under a mask `shift` degrees farther; probes by their offsets. */
function person(identity: string, base: number, shift: number, probes: Angles[]): MaskSubject {
  const moved = (angle: number | null) => (angle === null ? null : base + angle);
  return {
    identity,
    enrolled: { ...photograph('', { plain: base, masked: base + shift }), plain: at(base) },
    probes: probes.map(({ plain, masked, mask }, i) =>
      photograph(`${identity}/${i}`, { plain: moved(plain), masked: moved(masked), mask }),
    ),
  };
}

// Eight people 40° apart. A masked probe lies 25° off, and so does the masked enrolment.
const people = Array.from({ length: 8 }, (_, i) =>
  person(`P${i}`, 40 * i, 25, [{ plain: 2, masked: 25, mask: i % 2 ? CLOTH : SURGICAL }]),
);

describe('what masks cost', () => {
  const figures = maskFigures(people, 1)!;
  const named = (name: string) => figures.conditions.find((condition) => condition.name === name)!;

  it('fixes the threshold on unmasked pairs at the finest rate that the impostors support', () => {
    // 8 probes against 7 strangers each: 56 impostors, enough for a tenth (3/56 = 0.054).
    expect(figures.fmr).toBe(0.1);
    const { genuine, impostor, threshold, fmr, fnmr } = named('unmasked');
    expect([genuine, impostor, fnmr.value]).toEqual([8, 56, 0]);
    expect(fmr.value).toBeLessThanOrEqual(0.1);
    // Seven strangers stand 38° away, and no more than five may match.
    expect(threshold).toBeLessThan(1 - Math.cos((39 * Math.PI) / 180));
    expect(threshold).toBeGreaterThan(1 - Math.cos((2 * Math.PI) / 180));
  });

  it('keeps it for masked probes, and fixes another where more is enrolled', () => {
    const { threshold } = named('unmasked');
    expect(named('masked probe').threshold).toBe(threshold);
    expect(named('both masked').threshold).toBe(threshold);
    expect(named('masked enrolment').threshold).toBeLessThan(threshold);
    expect(named('both masked').fnmr.value).toBe(0);
    expect(named('masked enrolment').fnmr.value).toBe(0);
  });

  it('counts a strange face that comes near under its mask as a false match', () => {
    // Masked, everybody stands 35° towards the next person, who is 5° away then; the last has no next.
    const close = people.map((one, i) =>
      person(one.identity, 40 * i, 35, [{ plain: 2, masked: 35 }]),
    );
    const [, masked] = maskFigures(close, 1)!.conditions;
    expect(masked.fmr.value).toBeCloseTo(7 / 56, 9);
  });

  it('counts a face that was lost under its mask as a non-match, and says so', () => {
    const some = people.map((one, i) =>
      i < 2 ? person(one.identity, 40 * i, 25, [{ plain: 2, masked: null }]) : one,
    );
    const result = maskFigures(some, 1)!;
    const masked = result.conditions.find(({ name }) => name === 'masked probe')!;
    expect(masked.lost).toBe(2);
    expect(masked.fnmr.value).toBeGreaterThanOrEqual(2 / 8);
    const worst = result.people.slice(0, 2);
    expect(worst.map(({ identity }) => identity).sort()).toEqual(['P0', 'P1']);
    expect(worst.every(({ missedMasked, rise }) => missedMasked === 1 && Number.isNaN(rise))).toBe(
      true,
    );
  });

  it('parts masked probes by what they wear', () => {
    const cost = people.map((one, i) =>
      person(one.identity, 40 * i, 0, [
        i % 2 ? { plain: 2, masked: 20, mask: CLOTH } : { plain: 2, masked: 3, mask: SURGICAL },
      ]),
    );
    const { groups, conditions } = maskFigures(cost, 1)!;
    expect(groups.map(({ by, value }) => `${by} ${value}`)).toEqual([
      'kind cloth',
      'kind surgical',
      'coverage high',
      'coverage low',
      'colour #2c303a',
      'colour #96c4e2',
    ]);
    const beyond = 1 - Math.cos((20 * Math.PI) / 180) > conditions[0].threshold ? 1 : 0;
    expect(groups.map(({ fnmr }) => fnmr.value)).toEqual([beyond, 0, 0, beyond, beyond, 0]);
    expect(groups.map(({ genuine, impostor }) => [genuine, impostor])).toEqual(
      groups.map(() => [4, 28]),
    );
  });

  it('lists people worst first and says whom a masked enrolment would help', () => {
    const far = { plain: 2, masked: 60 };
    const three = [
      // Missed with the mask, found by the masked copy.
      person('helped', 0, 60, [far]),
      // Missed either way.
      person('lost', 120, 5, [far]),
      person('fine', 240, 5, [{ plain: 2, masked: 5 }]),
      ...[300, 310, 320, 330].map((base) => person(`Q${base}`, base, 1, [{ plain: 1, masked: 1 }])),
    ];
    const { people: risks } = maskFigures(three, 1)!;
    const helped = risks.find(({ identity }) => identity === 'helped')!;
    expect(helped).toMatchObject({
      probes: 1,
      missedUnmasked: 0,
      missedMasked: 1,
      missedWithMaskedEnrolment: 0,
      maskedEnrolmentHelps: true,
    });
    expect(helped.rise).toBeCloseTo(
      Math.cos((2 * Math.PI) / 180) - Math.cos((60 * Math.PI) / 180),
      5,
    );
    expect(risks.find(({ identity }) => identity === 'lost')).toMatchObject({
      missedMasked: 1,
      missedWithMaskedEnrolment: 1,
      maskedEnrolmentHelps: false,
    });
    expect(
      risks
        .slice(0, 2)
        .map(({ identity }) => identity)
        .sort(),
    ).toEqual(['helped', 'lost']);
  });

  it('claims nothing of fewer than 30 impostor comparisons', () => {
    expect(maskFigures(people.slice(0, 5), 1)).toBeNull();
    expect(maskFigures(people.slice(0, 6), 1)).not.toBeNull();
    expect(maskFigures([], 1)).toBeNull();
  });

  it('draws the same strangers for the same seed', () => {
    expect(maskFigures(people, 4)).toEqual(maskFigures(people, 4));
  });
});
