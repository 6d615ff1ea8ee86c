import type { DetectionResult } from './evaluateDetection.ts';
import { percentFigure, type Row, speedRow } from './wording.ts';

/** The figures as rows: name and value with its 95 % interval. */
export function detectionRows({ figures, dataset, failures, speed }: DetectionResult): Row[] {
  const { falsePositivesPerImage: alarms } = figures;
  const [low, high] = alarms?.interval.map((end) => end.toFixed(3)) ?? [];
  return [
    ['average precision', `${percentFigure(figures.averagePrecision)} at IoU 0.5`],
    ['precision', percentFigure(figures.precision)],
    ['recall', `${percentFigure(figures.recall)} of ${dataset.faces} faces`],
    ...figures.recallBySize.map(
      ({ min, max, faces, recall }): Row => [
        max === null ? `recall from ${min} pixels` : `recall ${min} to ${max} pixels`,
        `${percentFigure(recall)} of ${faces} faces`,
      ],
    ),
    [
      'false positives per image',
      alarms
        ? `${alarms.value.toFixed(3)} (${low} to ${high}) on ${dataset.imagesWithoutFaces} images without faces`
        : 'not measured: no images without faces given',
    ],
    ['images', `${dataset.images}; ${failures.unreadable.length} could not be read`],
    speedRow(speed),
  ];
}
