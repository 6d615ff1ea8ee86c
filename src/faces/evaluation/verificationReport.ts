import { scoresOf } from '../statistics/errorRates.ts';
import type { Verified } from './evaluateVerification.ts';
import type { Html } from './html.ts';
import { centralFace } from './mainFace.ts';
import { portrait } from './portrait.ts';
import { charts, page, paragraph, pictures, section, table } from './report.ts';
import type { ComparedPair } from './verification.ts';
import { verificationCharts } from './verificationCharts.ts';
import { verificationRows } from './verificationRows.ts';
import { aboutRows, type Row } from './wording.ts';

/** Pairs of each kind that are shown. */
const SHOWN = 12;

/** The report of a verification test: figures, curves, and the pairs that went worst. */
export async function verificationReport(
  verified: Verified,
  source: readonly Row[],
): Promise<string> {
  const { result, pairs } = verified;
  const { dataset, about } = result;
  const scores = scoresOf(pairs);
  const lead = `${about.model} on ${dataset.genuinePairs} genuine and ${dataset.impostorPairs} impostor pairs of ${dataset.people} people.`;
  const folds = dataset.foldsGiven
    ? 'Folds are those of the pairs file.'
    : `The pairs file has no folds: every tenth pair of each kind went into the same of ${dataset.folds}.`;
  const genuine = pairs.filter((pair) => pair.genuine).sort((a, b) => b.distance - a.distance);
  const impostor = pairs.filter((pair) => !pair.genuine).sort((a, b) => a.distance - b.distance);
  return page('Verification', lead, [
    section(
      'Figures',
      table({ head: ['figure', 'value'], rows: verificationRows(result) }),
      paragraph(
        `In brackets 95 % intervals by bootstrap over identities; an interval of one point says only that no mistake was made, which n pairs cannot tell from a rate of 3/n. Each fold is judged at the threshold that is best for all others. ${folds} A pair with an image without a face counts as not matching. A false accept rate p is claimed only with 3/p impostor pairs.`,
      ),
    ),
    section(
      'Curves',
      charts(verificationCharts(scores, result.figures.atModelThreshold.threshold)),
    ),
    section('Worst genuine pairs', await shown(verified, genuine)),
    section('Worst impostor pairs', await shown(verified, impostor)),
    section(
      'What was measured',
      table({ head: ['what', 'value'], rows: [...source, ...aboutRows(about)] }),
    ),
  ]);
}

async function shown({ files, found }: Verified, pairs: readonly ComparedPair[]): Promise<Html> {
  const groups = [];
  for (const { pictures: stems, distance } of pairs.slice(0, SHOWN)) {
    const images = [];
    for (const stem of stems) {
      const path = files.get(stem)!;
      const seen = found.get(path);
      if (seen) images.push(await portrait(path, centralFace(seen)?.face));
    }
    const verdict = distance === Infinity ? 'no face' : `distance ${distance.toFixed(3)}`;
    groups.push({ images, caption: `${verdict}: ${stems.join(', ')}` });
  }
  return pictures(groups);
}
