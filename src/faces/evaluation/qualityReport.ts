import { linePlot } from './charts.ts';
import type { MeasuredFace, QualityEvaluated, QualityResult } from './evaluateQuality.ts';
import type { Html } from './html.ts';
import { portrait } from './portrait.ts';
import { rateName } from './qualityRows.ts';
import { charts, page, paragraph, pictures, section, table } from './report.ts';
import { aboutRows, percent, percentFigure, type Row } from './wording.ts';

/** Faces of each end that are shown. */
const SHOWN = 18;

/** The report of a quality test: what refusing costs and gains, and the worst and best faces. */
export async function qualityReport(
  { result, faces }: QualityEvaluated,
  source: readonly Row[],
): Promise<string> {
  const { about, dataset, fmrs, points } = result;
  const whole = points[0];
  const lead = `${about.model} on ${whole.genuinePairs} genuine and ${whole.impostorPairs} impostor pairs of ${dataset.people} people.`;
  return page('Quality', lead, [
    section(
      'Errors against faces refused',
      charts([
        {
          chart: chart(result),
          caption:
            'FNMR of the faces that are left when those of the lowest score are refused, at a threshold that keeps the FMR. Refusing faces without looking at them would leave the FNMR where it is.',
        },
      ]),
      table({
        head: ['refused', 'lowest score left', 'genuine pairs', ...fmrs.map(rateName)],
        rows: points.map((point) => [
          percent(point.refused),
          point.lowestScore.toFixed(3),
          String(point.genuinePairs),
          ...point.at.map((rate) => (rate ? percentFigure(rate.fnmr) : 'too few pairs')),
        ]),
      }),
      paragraph('In brackets 95 % intervals by bootstrap over identities, thresholds held.'),
    ),
    section('Lowest scores', await shown(faces.slice(0, SHOWN))),
    section('Highest scores', await shown(faces.slice(-SHOWN).reverse())),
    section(
      'What was measured',
      table({ head: ['what', 'value'], rows: [...source, ...aboutRows(about)] }),
    ),
  ]);
}

function chart({ fmrs, points }: QualityResult): Html {
  const rates = fmrs.map((_, i) =>
    points.flatMap(({ refused, at }) => {
      const rate = at[i];
      return rate ? [[100 * refused, 100 * rate.fnmr.value] as const] : [];
    }),
  );
  const top = Math.max(0.1, ...rates.flat().map(([, y]) => y));
  return linePlot({
    x: { label: 'faces refused (%)', min: 0, max: 20 },
    y: { label: 'FNMR (%)', min: 0, max: Math.ceil(top * 1.1) },
    curves: rates.flatMap((curve, i) => {
      if (curve.length === 0) return [];
      const name = `FMR ${100 * fmrs[i]} %`;
      return [{ name, points: curve }];
    }),
  });
}

async function shown(faces: readonly MeasuredFace[]): Promise<Html> {
  const groups = [];
  for (const { path, face, quality } of faces) {
    const { score, sharpness, yaw, pitch, brightness } = quality;
    const measures = `sharpness ${sharpness.toFixed(2)}, yaw ${yaw.toFixed(0)}°, pitch ${pitch.toFixed(0)}°, brightness ${brightness.toFixed(2)}`;
    const caption = `${score.toFixed(3)}: ${measures}`;
    groups.push({ images: [await portrait(path, face)], caption });
  }
  return pictures(groups);
}
