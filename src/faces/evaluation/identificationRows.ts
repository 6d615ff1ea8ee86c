import type { IdentificationResult } from './evaluateIdentification.ts';
import { percentFigure, type Row, speedRow } from './wording.ts';

/** The figures as rows: name and value with its 95 % interval. */
export function identificationRows({
  figures,
  dataset,
  failures,
  speed,
}: IdentificationResult): Row[] {
  const without = failures.withoutFace.length + failures.unreadable.length;
  return [
    ['rank 1', percentFigure(figures.rank1)],
    ['rank 5', percentFigure(figures.rank5)],
    ...figures.tpirAtFpir.map(
      ({ fpir, point }): Row => [
        `TPIR at FPIR ${fpir * 100} %`,
        point
          ? `${percentFigure(point.tpir)} at distance ${point.threshold.toFixed(3)}`
          : `needs ${Math.ceil(3 / fpir)} searches by strangers, there are ${dataset.strangerProbes}`,
      ],
    ),
    ['gallery', `${dataset.enrolledPeople} people, ${dataset.galleryImages} images`],
    [
      'searches',
      `${dataset.enrolledProbes} by enrolled people, ${dataset.strangerProbes} by ${dataset.strangers} strangers`,
    ],
    [
      'failures to detect',
      `${without} of ${dataset.images} images; ${failures.notEnrolled.length} people not enrolled for that`,
    ],
    speedRow(speed),
  ];
}
