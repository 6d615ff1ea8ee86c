import type { DiscardPoint } from './discard.ts';
import type { QualityResult } from './evaluateQuality.ts';
import { percentFigure, type Row, speedRow } from './wording.ts';

/** The figures as rows: what is refused, and what that does to the errors. */
export function qualityRows({ dataset, failures, fmrs, points, speed }: QualityResult): Row[] {
  const half = dataset.half ? ` (${dataset.half} half of the people)` : '';
  return [
    ['faces', `${dataset.faces} of ${dataset.people} people${half}`],
    [
      'no face found',
      `${failures.withoutFace.length + failures.unreadable.length} of ${dataset.images} images`,
    ],
    ['refused by the standard limits', `${dataset.refusedByStandard} faces`],
    ...[0, 0.05, 0.1, 0.2].flatMap((share) => {
      const point = points.find(({ refused }) => refused === share);
      return point ? fmrs.map((fmr, i) => row(point, fmr, i)) : [];
    }),
    speedRow(speed),
  ];
}

function row({ refused, at }: DiscardPoint, fmr: number, i: number): Row {
  const rate = at[i];
  const name = `${100 * refused} % refused, ${rateName(fmr)}`;
  if (!rate) return [name, `needs ${Math.ceil(3 / fmr)} impostor pairs`];
  const { value, interval } = rate.change;
  const points = [value, ...interval].map((share) => (100 * share).toFixed(2));
  const change = refused > 0 ? `; change ${points[0]} points (${points[1]} to ${points[2]})` : '';
  return [name, `${percentFigure(rate.fnmr)}${change}`];
}

/** What an error rate is called, with its unit. */
export function rateName(fmr: number): string {
  return `FNMR at FMR ${100 * fmr} %`;
}
