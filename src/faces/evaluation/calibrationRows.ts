import type { CalibrationResult } from './evaluateCalibration.ts';
import { percentFigure, type Row, speedRow } from './wording.ts';

/** The figures as rows: of each division what was promised, measured (with its 95 % interval) and kept. */
export function calibrationRows({ divisions, dataset, failures, speed }: CalibrationResult): Row[] {
  const without = failures.withoutFace.length + failures.unreadable.length;
  return [
    ...divisions.flatMap(({ seed, promises }) =>
      promises.map(
        ({ promised, threshold, measured, kept }): Row => [
          `seed ${seed}, FMR ${promised * 100} % promised`,
          `${percentFigure(measured)} at distance ${threshold.toFixed(3)}: ${kept ? 'kept' : 'not kept'}`,
        ],
      ),
    ),
    ...keptRows(divisions),
    [
      'people and faces',
      `${dataset.people} people, ${dataset.faces} faces; ${without} of ${dataset.images} images give none`,
    ],
    [
      'impostor pairs',
      divisions
        .map(
          ({ calibrated, measured }) => `${calibrated.impostorPairs} + ${measured.impostorPairs}`,
        )
        .join(', '),
    ],
    speedRow(speed),
  ];
}

function keptRows(divisions: CalibrationResult['divisions']): Row[] {
  const all = divisions.flatMap(({ promises }) => promises);
  const rates = [...new Set(all.map(({ promised }) => promised))];
  return rates.map((rate) => {
    const looked = all.filter(({ promised }) => promised === rate);
    const kept = looked.filter((promise) => promise.kept).length;
    return [`FMR ${rate * 100} % kept`, `in ${kept} of ${looked.length} divisions`];
  });
}
