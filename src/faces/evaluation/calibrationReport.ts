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

// Of many divisions the extremes and the middle, for as many curves could not be told apart.
function promisedAgainstMeasured({ divisions }: CalibrationResult) {
  const all = divisions.flatMap(({ promises }) => promises);
  const promised = [...new Set(all.map((promise) => promise.promised))];
  const measured = promised.map((rate) =>
    all
      .filter((promise) => promise.promised === rate)
      .map((promise) => 100 * promise.measured.value)
      .sort((a, b) => a - b),
  );
  const least = Math.min(...promised.map((rate) => 100 * rate), ...measured.flat().filter(Boolean));
  const min = 10 ** Math.floor(Math.log10(least));
  const axis = { min, max: 100, log: true };
  const curve = (name: string, place: (count: number) => number) => ({
    name,
    points: promised
      .map((rate, i) => [100 * rate, measured[i][place(measured[i].length)]] as const)
      .filter(([, value]) => value > 0),
  });
  const chart = linePlot({
    x: { label: 'promised false match rate (%)', ...axis },
    y: { label: 'measured on other people (%)', ...axis },
    curves: [
      { name: 'as promised', points: [[min, min] as const, [100, 100] as const] },
      curve('highest', (count) => count - 1),
      curve('median', (count) => count >> 1),
      curve('lowest', () => 0),
    ],
  });
  return {
    chart,
    caption:
      'The highest, the median and the lowest rate of all divisions. Below the line it was lower than promised, above it higher.',
  };
}
