import { errorCurve, scoresOf } from '../statistics/errorRates.ts';
import { linePlot } from './charts.ts';
import type { Identified } from './evaluateIdentification.ts';
import type { Html } from './html.ts';
import { openSetOutcomes, type Searched } from './identification.ts';
import { identificationRows } from './identificationRows.ts';
import { centralFace } from './mainFace.ts';
import { portrait } from './portrait.ts';
import { charts, page, paragraph, pictures, section, table } from './report.ts';
import { rateAxis, scoreHistogram } from './verificationCharts.ts';
import { aboutRows, type Row } from './wording.ts';

/** Searches of each kind that are shown. */
const SHOWN = 12;
const CURVE_POINTS = 400;

/** The report of an identification test: figures, curves, and the searches that went worst. */
export async function identificationReport(
  identified: Identified,
  source: readonly Row[],
): Promise<string> {
  const { result, searches } = identified;
  const { dataset, about } = result;
  const lead = `${about.model}: ${dataset.enrolledPeople} people enrolled, searched for by ${dataset.enrolledProbes} pictures of them and ${dataset.strangerProbes} of ${dataset.strangers} strangers.`;
  const missed = searches.filter(({ enrolled }) => enrolled);
  missed.sort((a, b) => b.rank - a.rank || b.distance - a.distance);
  const alarms = searches.filter(({ enrolled, other }) => !enrolled && other);
  alarms.sort((a, b) => a.other!.distance - b.other!.distance);
  return page('Identification', lead, [
    section(
      'Figures',
      table({ head: ['figure', 'value'], rows: identificationRows(result) }),
      paragraph(
        `In brackets 95 % intervals by bootstrap over the people searched for. Half of the people, as far as they have two pictures, are enrolled with half of their pictures, drawn with seed ${dataset.seed}. A person is as near as the nearest of its pictures. TPIR: share of searches by enrolled people that find them first and within the threshold; FPIR: share of searches by strangers that find anybody within it. A rate p of those is claimed only with 3/p searches by strangers.`,
      ),
    ),
    section('Curves', charts(identificationCharts(identified))),
    section('Worst searches by enrolled people', await shown(identified, missed, 'mate')),
    section('Worst searches by strangers', await shown(identified, alarms, 'other')),
    section(
      'What was measured',
      table({ head: ['what', 'value'], rows: [...source, ...aboutRows(about)] }),
    ),
  ]);
}

function identificationCharts({ result, searches }: Identified) {
  const scores = scoresOf(openSetOutcomes(searches));
  const { cumulativeMatch } = result.figures;
  const curve = errorCurve(scores, CURVE_POINTS);
  const log = rateAxis(scores.impostor.length);
  // The curve ends where everybody is within the threshold.
  const last = curve.at(-1);
  const openSet = linePlot({
    x: { label: 'false positive identification rate, FPIR (%)', ...log },
    y: { label: 'true positive identification rate, TPIR (%)', min: 0, max: 100 },
    curves: [
      {
        name: 'TPIR',
        points: [...curve, ...(last ? [{ ...last, fmr: 1 }] : [])].map(
          ({ fmr, fnmr }) => [100 * fmr, 100 - 100 * fnmr] as const,
        ),
      },
    ],
  });
  const ranks = linePlot({
    x: { label: 'rank', min: 1, max: cumulativeMatch.length },
    y: { label: 'found within the rank (%)', ...yOf(cumulativeMatch[0]) },
    curves: [
      { name: 'CMC', points: cumulativeMatch.map((share, i) => [i + 1, 100 * share] as const) },
    ],
  });
  return [
    {
      chart: openSet,
      caption: 'Open set: what a threshold that keeps strangers out lets through.',
    },
    {
      chart: ranks,
      caption: 'Cumulative match characteristic: searches by enrolled people, without a threshold.',
    },
    {
      chart: scoreHistogram(scores, []),
      caption:
        'Distances of enrolled people (genuine, where they came first) and of whoever a stranger found nearest (impostor).',
    },
  ];
}

// From the ten below the lowest value, so that what differs can be seen.
function yOf(lowest: number) {
  return { min: Math.max(0, Math.floor(10 * lowest - 0.5) * 10), max: 100 };
}

async function shown(
  { found }: Identified,
  searches: readonly Searched[],
  beside: 'mate' | 'other',
): Promise<Html> {
  const groups = [];
  for (const search of searches.slice(0, SHOWN)) {
    const neighbour = search[beside];
    const images = [];
    for (const path of [search.picture, neighbour?.picture]) {
      const seen = path !== undefined && found.get(path);
      if (seen) images.push(await portrait(path, centralFace(seen)?.face));
    }
    groups.push({ images, caption: captionOf(search, beside) });
  }
  return pictures(groups);
}

function captionOf({ identity, rank, mate, other }: Searched, beside: 'mate' | 'other'): string {
  if (beside === 'other')
    return `${identity} found ${other!.identity} at ${other!.distance.toFixed(3)}`;
  if (!mate) return `${identity}: no face, here or in the gallery`;
  const nearer = rank > 1 ? `, after ${other!.identity} at ${other!.distance.toFixed(3)}` : '';
  return `${identity} at ${mate.distance.toFixed(3)}, rank ${rank}${nearer}`;
}
