import type { SeedResult } from './seedResult.ts';
import type { Row } from './wording.ts';

/** The figures as rows: what was verified, then what was published beside what is seen here. */
export function seedRows({ detection, verification, published }: SeedResult): Row[] {
  const empty = detection.filter(({ faces }) => faces === 0).map(({ image }) => image);
  return [
    [
      'detection',
      `${detection.reduce((sum, { faces }) => sum + faces, 0)} faces on ${detection.length} images; none on ${empty.length === 0 ? 'no image' : empty.join(', ')}`,
    ],
    ...verification.map(({ case: name, person, masked, distances, matches }): Row => {
      const at = matches.map(
        ({ threshold, own, of, others }) =>
          `at ${threshold}: own ${own} of ${of}, others ${others}`,
      );
      const nearest = distances
        ? `nearest own ${distances.own.toFixed(3)}, other ${distances.other.toFixed(3)}`
        : 'no face';
      return [`${name}: ${person}${masked ? ', masked' : ''}`, [nearest, ...at].join('; ')];
    }),
    ...published.map(
      ({ what, published: theirs, here }): Row => [what, `published ${theirs}; here ${here}`],
    ),
  ];
}
