import { basename } from 'node:path';
import { type Colour, type Rectangle, strokeRectangle } from '../../engine/image/draw.ts';
import type { Image } from '../../engine/image/image.ts';
import { resize } from '../../engine/image/resize.ts';
import { readPhotograph } from '../folder/photographs.ts';
import { linePlot } from './charts.ts';
import { type JudgedImage, precisionRecall } from './detection.ts';
import { detectionRows } from './detectionRows.ts';
import type { Detection } from './evaluateDetection.ts';
import type { Html } from './html.ts';
import { charts, page, paragraph, pictures, section, table } from './report.ts';
import { aboutRows, type Row } from './wording.ts';

const SHOWN = 12;
const WIDTH = 480;
const RIGHT: Colour = [0, 114, 178];
const WRONG: Colour = [213, 94, 0];
const MISSED: Colour = [240, 228, 66];

/** The report of a detection test: figures, the precision-recall curve, and the images that went worst. */
export async function detectionReport(
  { result, images, empty }: Detection,
  source: readonly Row[],
): Promise<string> {
  const { about, dataset } = result;
  const lead = `${about.model} on ${dataset.images} images with ${dataset.faces} marked faces.`;
  const worst = images.filter((image) => faults(image) > 0).sort((a, b) => faults(b) - faults(a));
  const alarms = empty.filter(({ found }) => found.length > 0);
  return page('Detection', lead, [
    section(
      'Figures',
      table({ head: ['figure', 'value'], rows: detectionRows(result) }),
      paragraph(
        'In brackets 95 % intervals by bootstrap over images; an interval of one point says only that no mistake was made, which n faces cannot tell from a rate of 3/n. A face that was found is right when it shares half of the area of both boxes together with a marked face that no better one was found for. Sizes are the geometric mean of the marked box’s sides. The curve ends at the recall that the detector’s own thresholds leave.',
      ),
    ),
    section(
      'Precision and recall',
      charts([{ chart: curve(images), caption: 'By falling confidence.' }]),
    ),
    section(
      'Images with most mistakes',
      paragraph('Blue: found rightly; orange: found wrongly; yellow: marked and not found.'),
      await shown(worst),
    ),
    section(
      'Found where no face is',
      alarms.length > 0 ? await shown(alarms) : paragraph('Nothing.'),
    ),
    section(
      'What was measured',
      table({ head: ['what', 'value'], rows: [...source, ...aboutRows(about)] }),
    ),
  ]);
}

function curve(images: readonly JudgedImage[]): Html {
  const steps = precisionRecall(images);
  const points = steps.map(({ recall, precision }) => [100 * recall, 100 * precision] as const);
  return linePlot({
    x: { label: 'recall (%)', min: 0, max: 100 },
    y: { label: 'precision (%)', min: 0, max: 100 },
    curves: [{ name: 'mtcnn', points: points.length > 0 ? [[0, points[0][1]], ...points] : [] }],
  });
}

function faults({ found, marked }: JudgedImage): number {
  const wrong = found.filter(({ right }) => !right).length;
  return wrong + marked.filter(({ recalled }) => !recalled).length;
}

async function shown(images: readonly JudgedImage[]): Promise<Html> {
  const groups = [];
  for (const image of images.slice(0, SHOWN)) {
    const { found, marked, path } = image;
    const wrong = found.filter(({ right }) => !right).length;
    const missed = marked.filter(({ recalled }) => !recalled).length;
    const caption = `${basename(path)}: ${found.length - wrong} right, ${wrong} wrong, ${missed} missed`;
    groups.push({ images: [await drawn(image)], caption });
  }
  return pictures(groups, 'large');
}

async function drawn({ path, found, marked }: JudgedImage): Promise<Image> {
  const image = await readPhotograph(path);
  const thickness = Math.max(2, Math.round(image.width / 200));
  for (const { face, right } of found)
    strokeRectangle(image, face.box, thickness, right ? RIGHT : WRONG);
  for (const { box, recalled } of marked)
    if (!recalled) strokeRectangle(image, rounded(box), thickness, MISSED);
  return resize(image, WIDTH, Math.max(1, Math.round((image.height * WIDTH) / image.width)));
}

function rounded([x, y, width, height]: Rectangle): Rectangle {
  return [Math.round(x), Math.round(y), Math.round(width), Math.round(height)];
}
