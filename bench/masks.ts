/**
 * What makes masked faces easier to recognise without new weights, on people of LFW with two images and
 * more in ../shared/data/lfw-dev: the first is enrolled, the second is the probe, and every probe is
 * compared with everybody. Each lever is judged at the threshold that its own unmasked pairs fix, and
 * at the one where its masked probes have that FMR too: what only moves distances wins nothing there.
 *
 *   npm run bench -- masks [--people N] [--fmr RATE] [--seed N]
 *
 * Embeddings come from onnxruntime's CPU provider, which is faster than a software GPU.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Face } from '../src/engine/face.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { cosineDistance } from '../src/faces/distance.ts';
import { readPhotograph } from '../src/faces/folder/photographs.ts';
import { mean } from '../src/faces/gallery/template.ts';
import { drawMask } from '../src/faces/masks/draw.ts';
import { MASK_KINDS, styleOf } from '../src/faces/masks/style.ts';
import { pointAtFmr, ratesAt, type Scores, scoresOf } from '../src/faces/statistics/errorRates.ts';
import { type Embed, LEVERS, type Lever, openLevers } from './maskLevers.ts';

const ROOT = fileURLToPath(new URL('../../shared/data/lfw-dev/images/', import.meta.url));
// The faces of LFW are about 80 pixels wide and wider.
const DETECT = { minFaceSize: 40 };
const RANDOM = { kind: 'random', coverage: 'random', colour: 'random' } as const;

const { values: args } = parseArgs({
  allowPositionals: true,
  options: {
    people: { type: 'string', default: '100' },
    fmr: { type: 'string', default: '0.001' },
    seed: { type: 'string', default: '1' },
  },
});

interface View {
  readonly image: Image;
  readonly face: Face;
}

/** A photograph as it is and with a mask; null where the detector lost the face. */
interface Subject {
  readonly plain: View;
  readonly masked: View | null;
}

/** What is compared with what; a template may be several embeddings, of which the nearest counts. */
type Templates = (embed: Embed, subject: Subject) => Promise<Float32Array[]>;

const worn = new Map<Image, Image[]>();
const fmr = Number(args.fmr);
const people = await subjects(Number(args.people), Number(args.seed));
const lost = people.flat().filter(({ masked }) => masked === null).length;
console.log(
  `${people.length} people, two images each; the detector lost ${lost} of ${2 * people.length} masked faces`,
);
const levers = await openLevers();
const rows: string[][] = [];
for (const lever of LEVERS) rows.push(await measure(lever.name, levers.embed(lever), plain));
const base = remembered(levers.embed(LEVERS[0]));
rows.push(
  await measure('masked template, mean', base, async (embed, subject) => [
    mean(await both(embed, subject)),
  ]),
);
rows.push(await measure('masked template, nearest', base, both));
await levers.close();
await closeDecoder();
const header = [
  'lever',
  'threshold',
  'FNMR unmasked',
  'masked probe: FNMR',
  'FMR',
  'FNMR at its own FMR',
  'both masked: FNMR',
  'FMR',
];
for (const row of [header, header.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);

async function plain(embed: Embed, { plain: { image, face } }: Subject): Promise<Float32Array[]> {
  return [await embed(image, face)];
}

/** The face as it is and under one drawn mask of each kind; drawn once, so that they are embedded once. */
async function both(embed: Embed, { plain: { image, face } }: Subject): Promise<Float32Array[]> {
  const wish = { coverage: 'high' } as const;
  if (!worn.has(image))
    worn.set(
      image,
      MASK_KINDS.map((kind, i) => drawMask(image, face, styleOf({ ...wish, kind }, i))),
    );
  return Promise.all([image, ...worn.get(image)!].map((picture) => embed(picture, face)));
}

async function measure(name: Lever['name'], embed: Embed, templates: Templates): Promise<string[]> {
  const enrolled: Float32Array[][] = [];
  const enrolledMasked: Float32Array[][] = [];
  const probes: Float32Array[][] = [];
  const masked: Float32Array[][] = [];
  const view = async (at: View | null) => (at ? [await embed(at.image, at.face)] : []);
  for (const [first, second] of people) {
    enrolled.push(await templates(embed, first));
    enrolledMasked.push(await view(first.masked));
    probes.push(await view(second.plain));
    masked.push(await view(second.masked));
  }
  const unmasked = compare(enrolled, probes);
  const point = pointAtFmr(unmasked, fmr);
  if (!point) throw new Error(`bench: too few people for an FMR of ${fmr}`);
  const toProbe = compare(enrolled, masked);
  const probe = ratesAt(toProbe, point.threshold);
  const two = ratesAt(compare(enrolledMasked, masked), point.threshold);
  process.stderr.write(`${name} done\n`);
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const rates = [
    ...[point.fnmr, probe.fnmr, probe.fmr, pointAtFmr(toProbe, fmr)!.fnmr],
    ...[two.fnmr, two.fmr],
  ];
  return [name, point.threshold.toFixed(3), ...rates.map(percent)];
}

/** Both kinds of template need the same embeddings. */
function remembered(embed: Embed): Embed {
  const known = new Map<Image, Promise<Float32Array>>();
  return (image, face) => {
    if (!known.has(image)) known.set(image, embed(image, face));
    return known.get(image)!;
  };
}

/** Everybody with everybody; a face that was lost is infinitely far from all. */
function compare(enrolled: Float32Array[][], probes: Float32Array[][]): Scores {
  return scoresOf(
    enrolled.flatMap((a, i) =>
      probes.map((b, j) => ({
        genuine: i === j,
        distance: Math.min(
          Number.POSITIVE_INFINITY,
          ...a.flatMap((x) => b.map((y) => cosineDistance(x, y))),
        ),
      })),
    ),
  );
}

async function subjects(count: number, seed: number): Promise<[Subject, Subject][]> {
  const engine = await openEngine();
  const found: [Subject, Subject][] = [];
  for (const name of readdirSync(ROOT).sort()) {
    if (found.length === count) break;
    const files = readdirSync(join(ROOT, name)).sort();
    if (files.length < 2) continue;
    const two: Subject[] = [];
    for (const file of files.slice(0, 2)) {
      const image = await readPhotograph(join(ROOT, name, file));
      const face = central(await engine.detect(image, DETECT), image);
      if (!face) break;
      const style = styleOf(RANDOM, seed * 100_003 + found.length * 2 + two.length);
      const picture = drawMask(image, face, style);
      const again = central(await engine.detect(picture, DETECT), image);
      two.push({ plain: { image, face }, masked: again ? { image: picture, face: again } : null });
    }
    if (two.length === 2) found.push([two[0], two[1]]);
    if (found.length % 25 === 0) process.stderr.write(`${found.length} people\n`);
  }
  await engine.close();
  return found;
}

/** The face that the image is named after is the one in its middle. */
function central(faces: readonly Face[], { width, height }: Image): Face | undefined {
  return faces.find(
    ({ box: [x, y, w, h] }) =>
      x < width / 2 && x + w > width / 2 && y < height / 2 && y + h > height / 2,
  );
}
