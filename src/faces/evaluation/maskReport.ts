import { cosineDistance } from '../distance.ts';
import { readPhotograph } from '../folder/photographs.ts';
import { maskFaces } from '../masks/maskFaces.ts';
import { histogram } from './charts.ts';
import type { MasksMeasured } from './evaluateMasks.ts';
import type { Html } from './html.ts';
import type { MaskProbe, MaskSubject } from './maskComparisons.ts';
import type { MaskErrors } from './maskFigures.ts';
import { portrait, portraitOf } from './portrait.ts';
import { charts, page, paragraph, pictures, section, table } from './report.ts';
import { aboutRows, percentFigure, type Row, speedRow } from './wording.ts';

/** Pairs that are shown, and people that are listed. */
const SHOWN = 12;
const LISTED = 30;

const ERRORS = ['FNMR', 'FMR', 'genuine', 'impostor', 'not detected'];

/** The report of a mask test: figures, distances, people at risk, and what was missed. */
export async function maskReport(measured: MasksMeasured, source: readonly Row[]): Promise<string> {
  const { result, subjects } = measured;
  const { figures, dataset, about, failures, speed } = result;
  const atRisk = figures.people.filter(({ missedMasked }) => missedMasked > 0);
  const lead = `${about.model}, ${dataset.people} people, ${dataset.probes} probes with and without a drawn mask.`;
  return page('Masks', lead, [
    section(
      'What masks cost',
      table({
        head: ['compared', 'threshold', ...ERRORS],
        rows: figures.conditions.map((condition) => [
          condition.name,
          condition.threshold.toFixed(3),
          ...errorCells(condition),
        ]),
      }),
      paragraph(
        `The threshold is fixed at FMR ${figures.fmr} on unmasked probes against unmasked enrolment and kept for masked ones; that of masked enrolment, where the nearer of a photograph and its masked copy counts, on unmasked probes against both. A face that the detector lost counts as a non-match. In brackets 95 % intervals by bootstrap over identities.`,
      ),
    ),
    section('Distances', charts([{ chart: distances(subjects), caption: 'Genuine comparisons.' }])),
    section(
      'By what is worn',
      table({
        head: ['masked probe against unmasked enrolment', ...ERRORS],
        rows: figures.groups.map((group) => [`${group.by} ${group.value}`, ...errorCells(group)]),
      }),
    ),
    section(
      'People at risk',
      paragraph(
        `${atRisk.length} of ${dataset.people} people are missed at least once with a mask; for ${atRisk.filter((person) => person.maskedEnrolmentHelps).length} of them a masked enrolment helps.`,
      ),
      table({
        caption: atRisk.length > LISTED ? `The first ${LISTED}, worst first.` : undefined,
        head: [
          'person',
          'probes',
          'missed unmasked',
          'missed masked',
          'missed with masked enrolment',
          'distance rises by',
          'masked enrolment',
        ],
        rows: atRisk
          .slice(0, LISTED)
          .map((person) => [
            person.identity,
            person.probes,
            person.missedUnmasked,
            person.missedMasked,
            person.missedWithMaskedEnrolment,
            Number.isNaN(person.rise) ? '–' : person.rise.toFixed(3),
            person.maskedEnrolmentHelps ? 'helps' : 'does not help',
          ]),
      }),
    ),
    section('Farthest masked probes', await farthest(measured)),
    section(
      'What was measured',
      table({
        head: ['what', 'value'],
        rows: [
          ...source,
          [
            'masks',
            `kind ${result.masks.kind}, coverage ${result.masks.coverage}, seed ${result.masks.seed}`,
          ],
          ['images without a face', String(failures.withoutFace.length)],
          ['faces lost under a mask', String(failures.lostUnderMask.length)],
          ...aboutRows(about),
          speedRow(speed),
        ],
      }),
    ),
  ]);
}

function errorCells({ fnmr, fmr, genuine, impostor, lost }: MaskErrors): (string | number)[] {
  return [percentFigure(fnmr), percentFigure(fmr), genuine, impostor, lost];
}

function distances(subjects: readonly MaskSubject[]): Html {
  const between = (a: Float32Array | null, b: Float32Array | null) =>
    a && b ? [cosineDistance(a, b)] : [];
  const of = (distance: (enrolled: MaskProbe, probe: MaskProbe) => number[]) =>
    subjects.flatMap(({ enrolled, probes }) =>
      probes.flatMap((probe) => distance(enrolled, probe)),
    );
  return histogram({
    x: { label: 'cosine distance', min: 0, max: 1.2 },
    bins: 48,
    kinds: [
      { name: 'unmasked', values: of((a, b) => between(a.plain, b.plain)) },
      { name: 'masked probe', values: of((a, b) => between(a.plain, b.masked)) },
      { name: 'both masked', values: of((a, b) => between(a.masked, b.masked)) },
    ],
  });
}

async function farthest({ subjects, views }: MasksMeasured): Promise<Html> {
  const all = subjects.flatMap(({ identity, enrolled, probes }) =>
    probes.flatMap((probe) =>
      probe.plain
        ? {
            identity,
            enrolled,
            probe,
            distance: probe.masked ? cosineDistance(enrolled.plain, probe.masked) : Infinity,
          }
        : [],
    ),
  );
  all.sort((a, b) => b.distance - a.distance);
  const groups = [];
  for (const { identity, enrolled, probe, distance } of all.slice(0, SHOWN)) {
    const { worn, plain } = views.get(probe.path)!;
    const dressed = maskFaces(await readPhotograph(probe.path), worn.faces, worn.masks);
    groups.push({
      images: [
        await portrait(enrolled.path, views.get(enrolled.path)!.plain!.face),
        portraitOf(dressed, plain!.face),
      ],
      caption: `${identity}: ${distance === Infinity ? 'face lost' : distance.toFixed(3)}`,
    });
  }
  return pictures(groups);
}
