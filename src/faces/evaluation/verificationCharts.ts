import { errorCurve, type Scores } from '../statistics/errorRates.ts';
import { type Histogram, histogram, linePlot } from './charts.ts';
import type { Html } from './html.ts';

const CURVE_POINTS = 400;

/** ROC, DET and score histograms; the threshold is marked in the latter. */
export function verificationCharts(scores: Scores, threshold: number) {
  const curve = errorCurve(scores, CURVE_POINTS).map(
    ({ fmr, fnmr }) => [100 * fmr, 100 * fnmr] as const,
  );
  const per = { min: 0, max: 100 };
  const most = Math.max(scores.genuine.length, scores.impostor.length);
  const log = rateAxis(most);
  const roc = linePlot({
    x: { label: 'false match rate (%)', ...per },
    y: { label: 'true match rate (%)', ...per },
    curves: [
      {
        name: 'ROC',
        points: [[0, 0], ...curve.map(([fmr, fnmr]) => [fmr, 100 - fnmr] as const), [100, 100]],
      },
      {
        name: 'chance',
        points: [
          [0, 0],
          [100, 100],
        ],
        reference: true,
      },
    ],
  });
  const det = linePlot({
    x: { label: 'false match rate (%)', ...log },
    y: { label: 'false non-match rate (%)', ...log },
    curves: [
      { name: 'DET', points: curve },
      {
        name: 'equal errors',
        points: [
          [log.min, log.min],
          [100, 100],
        ],
        reference: true,
      },
    ],
  });
  return [
    { chart: roc, caption: 'Receiver operating characteristic.' },
    {
      chart: det,
      caption: 'Detection error trade-off, both axes logarithmic; rates of 0 have no place on it.',
    },
    {
      chart: scoreHistogram(scores, [{ name: `threshold ${threshold}`, at: threshold }]),
      caption: 'Distances of genuine and impostor pairs; pairs without a face are in no bin.',
    },
  ];
}

/** How the distances of both kinds are distributed; infinite ones are in no bin. */
export function scoreHistogram(scores: Scores, marks: Histogram['marks']): Html {
  const finite = [scores.genuine, scores.impostor].flatMap(
    (all) => all.findLast(Number.isFinite) ?? [],
  );
  return histogram({
    x: {
      label: 'cosine distance',
      min: 0,
      max: Math.max(1, Math.ceil(2 * Math.max(...finite)) / 2),
    },
    bins: 60,
    kinds: [
      { name: 'genuine', values: scores.genuine },
      { name: 'impostor', values: scores.impostor },
    ],
    marks,
  });
}

/** A logarithmic axis of a rate in per cent, on which one of so many comparisons can be seen. */
export function rateAxis(comparisons: number) {
  const lowest = 10 ** Math.floor(Math.log10(100 / comparisons));
  return { min: Math.min(10, lowest), max: 100, log: true };
}
