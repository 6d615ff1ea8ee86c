import { calibrationRows } from './calibrationRows.ts';
import { linePlot } from './charts.ts';
import type { CalibrationResult } from './evaluateCalibration.ts';
import { charts, page, paragraph, section, table } from './report.ts';
import { aboutRows, type Row } from './wording.ts';

/** The report of a check of promised false match rates. */
export function calibrationReport(result: CalibrationResult, source: readonly Row[]): string {
  const { about, dataset, divisions } = result;
  const lead = `${about.model}: thresholds found on half of ${dataset.people} people, and the false match rates measured at them on the other half, in ${divisions.length} divisions.`;
  return page('Promised false match rates', lead, [
    section(
      'Figures',
      table({ head: ['figure', 'value'], rows: calibrationRows(result) }),
      paragraph(
        'In brackets 95 % intervals by bootstrap over the people of both halves: the threshold is found anew in each draw, for it is as uncertain as what is measured at it. A promise is kept where the interval contains it. Divisions share their people, so that they are no independent trials.',
      ),
    ),
    section('Curve', charts([promisedAgainstMeasured(result)])),
    section(
      'What was measured',
      table({ head: ['what', 'value'], rows: [...source, ...aboutRows(about)] }),
    ),
  ]);
}

function promisedAgainstMeasured({ divisions }: CalibrationResult) {
  const all = divisions.flatMap(({ promises }) => promises);
  const rates = all.flatMap(({ promised, measured: { value } }) => [promised, value]);
  const min = 10 ** Math.floor(Math.log10(100 * Math.min(...rates.filter((rate) => rate > 0))));
  const axis = { min, max: 100, log: true };
  const chart = linePlot({
    x: { label: 'promised false match rate (%)', ...axis },
    y: { label: 'measured on other people (%)', ...axis },
    curves: [
      { name: 'as promised', points: [[min, min] as const, [100, 100] as const] },
      ...divisions.map(({ seed, promises }) => ({
        name: `seed ${seed}`,
        points: promises
          .filter(({ measured }) => measured.value > 0)
          .map(({ promised, measured }) => [100 * promised, 100 * measured.value] as const),
      })),
    ],
  });
  return { chart, caption: 'Below the line the rate was lower than promised, above it higher.' };
}
