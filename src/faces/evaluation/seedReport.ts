import type { SeedMatch, SeedMeasured } from './evaluateSeed.ts';
import type { Html } from './html.ts';
import { portrait } from './portrait.ts';
import { page, paragraph, pictures, section, table } from './report.ts';
import type { SeedResult } from './seedResult.ts';
import { aboutRows, type Row } from './wording.ts';

/** The report of the seed's experiments: its figures beside ours, and every matched pair as pictures. */
export async function seedReport(measured: SeedMeasured, source: readonly Row[]): Promise<string> {
  const { result, matches } = measured;
  const { about, detection, published, verification } = result;
  const empty = detection.filter(({ faces }) => faces === 0).length;
  return page('The seed’s experiments', `${about.model} on the article’s photographs.`, [
    section(
      'Beside what was published',
      table({
        head: ['what', 'published', 'here', 'why they differ'],
        rows: published.map(({ what, published: theirs, here, why }) => [what, theirs, here, why]),
      }),
    ),
    section(
      'Verification',
      table({
        head: [
          'photograph',
          'person',
          'mask',
          'nearest own picture',
          'nearest of others',
          ...verification[0].matches.map(({ threshold }) => `own, others at ${threshold}`),
        ],
        rows: verification.map(({ case: name, person, masked, distances, matches: at }) => [
          name,
          person,
          masked ? 'masked' : 'none',
          distances?.own.toFixed(3) ?? 'no face',
          distances ? `${distances.other.toFixed(3)} ${distances.otherPerson}` : '',
          ...at.map(({ own, of, others }) => `${own} of ${of}, ${others}`),
        ]),
      }),
      paragraph('Cosine distances; two faces match where theirs is at or under the threshold.'),
    ),
    section('Names', naming(result)),
    section('Matched pairs at 0.6', await pairs(matches)),
    section(
      'Detection',
      paragraph(
        `${detection.reduce((sum, { faces }) => sum + faces, 0)} faces on ${detection.length} photographs, none on ${empty}.`,
      ),
      table({
        head: ['photograph', 'faces', 'least confidence'],
        rows: detection.map(({ image, faces, confidence }) => [
          image,
          faces,
          confidence?.toFixed(4) ?? '–',
        ]),
      }),
    ),
    section(
      'What was measured',
      table({ head: ['what', 'value'], rows: [...source, ...aboutRows(about)] }),
    ),
  ]);
}

function naming({ identification }: SeedResult): Html {
  if ('unavailable' in identification)
    return paragraph(`Not measured: ${identification.unavailable}.`);
  return table({
    head: ['person', 'mask', 'most probable names'],
    rows: identification.map(({ name, masked, names }) => [
      name,
      masked ? 'masked' : 'none',
      names?.map((one) => `${one.name} ${(100 * one.probability).toFixed(1)} %`).join(', ') ??
        'no face',
    ]),
  });
}

async function pairs(matches: readonly SeedMatch[]): Promise<Html> {
  const groups = [];
  for (const { verification, probe, known, distance } of matches) {
    const images = [];
    for (const { path, face } of [probe, known]) images.push(await portrait(path, face.face));
    const { person, masked } = verification;
    const who = known.identity === person ? person : `${person} taken for ${known.identity}`;
    groups.push({
      images,
      caption: `${who}${masked ? ', masked' : ''}: ${distance.toFixed(3)}`,
    });
  }
  return pictures(groups);
}
