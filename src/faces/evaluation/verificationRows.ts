import type { VerificationResult } from './evaluateVerification.ts';
import { percent, percentFigure, type Row, speedRow } from './wording.ts';

/** The figures as rows: name and value with its 95 % interval. */
export function verificationRows({ figures, dataset, failures, speed }: VerificationResult): Row[] {
  const { accuracy, equalErrorRate, areaUnderCurve, tarAtFar, atModelThreshold } = figures;
  const { threshold, fmr, fnmr } = atModelThreshold;
  const deviation = (100 * accuracy.deviation).toFixed(2);
  const [low, high] = accuracy.interval.map((end) => (100 * end).toFixed(2));
  const without = failures.withoutFace.length + failures.unreadable.length;
  return [
    [
      'accuracy',
      `${percent(accuracy.mean)} ± ${deviation} over ${dataset.folds} folds (${low} to ${high})`,
    ],
    [
      'equal error rate',
      `${percentFigure(equalErrorRate)} at distance ${equalErrorRate.threshold.toFixed(3)}`,
    ],
    ['area under ROC', percentFigure(areaUnderCurve)],
    ...tarAtFar.map(
      ({ far, point }): Row => [
        `TAR at FAR ${far * 100} %`,
        point
          ? `${percentFigure(point.tar)} at distance ${point.threshold.toFixed(3)}`
          : `needs ${Math.ceil(3 / far)} impostor pairs, there are ${dataset.impostorPairs}`,
      ],
    ),
    [`at the model’s threshold ${threshold}`, `FMR ${percent(fmr)}, FNMR ${percent(fnmr)}`],
    [
      'failures to detect',
      `${without} of ${dataset.images} images; ${failures.genuinePairs} genuine and ${failures.impostorPairs} impostor pairs`,
    ],
    speedRow(speed),
  ];
}
