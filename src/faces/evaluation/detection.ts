import type { Face } from '../../engine/face.ts';
import { overlap } from '../overlap.ts';
import { resample } from '../statistics/bootstrap.ts';
import type { MarkedBox } from './boxes.ts';
import { type Figure, figures } from './figure.ts';

/** An image with what was found and what is there. */
export interface JudgedImage {
  readonly path: string;
  readonly found: readonly Found[];
  readonly marked: readonly Marked[];
}

/** A face that was found: right when a marked one is under it that no better one was found for. */
export interface Found {
  readonly face: Face;
  readonly right: boolean;
}

/** A face that is to be found. */
export interface Marked {
  readonly box: MarkedBox['box'];
  readonly recalled: boolean;
}

/** Recall of the faces of one size. */
export interface SizeRecall {
  /** Geometric mean of the sides of the marked box in pixels: from `min` up to below `max`. */
  readonly min: number;
  /** Null: any size from `min` on. */
  readonly max: number | null;
  readonly faces: number;
  readonly recall: Figure;
}

export interface DetectionFigures {
  readonly averagePrecision: Figure;
  readonly precision: Figure;
  readonly recall: Figure;
  readonly recallBySize: readonly SizeRecall[];
}

/** A step of the precision-recall curve: of all faces down to a confidence. */
export interface PrecisionRecall {
  readonly confidence: number;
  readonly precision: number;
  readonly recall: number;
}

/** What a found box must share with a marked one, as intersection over union. */
export const MIN_IOU = 0.5;

const SIZES = [0, 20, 40, 80, 160, null] as const;

/**
 * Judges the faces found in an image, best first: each counts for the marked face it shares most with,
 * if that is at least 0.5 and no better one has counted for it. One that means an ignored box counts neither way.
 */
export function judge(
  path: string,
  faces: readonly Face[],
  marked: readonly MarkedBox[],
): JudgedImage {
  const taken = new Set<MarkedBox>();
  const found: Found[] = [];
  for (const face of [...faces].sort((a, b) => b.confidence - a.confidence)) {
    const shares = marked.map(({ box }) => overlap(face.box, box));
    const best = marked[shares.indexOf(Math.max(...shares))];
    const meant = best && Math.max(...shares) >= MIN_IOU;
    if (meant && best.ignore) continue;
    const right = meant && !taken.has(best);
    if (right) taken.add(best);
    found.push({ face, right: right === true });
  }
  const wanted = marked.filter(({ ignore }) => !ignore);
  return { path, found, marked: wanted.map((m) => ({ box: m.box, recalled: taken.has(m) })) };
}

/** The figures of all images; intervals by bootstrap over images. */
export function detectionFigures(images: readonly JudgedImage[]): DetectionFigures {
  const bins = SIZES.slice(1).map((max, i) => ({ min: SIZES[i] ?? 0, max }));
  const statistics = (drawn: Uint32Array) => {
    const all = images.flatMap((image, i) => new Array<JudgedImage>(drawn[i]).fill(image));
    const found = all.flatMap((image) => image.found);
    const marked = all.flatMap((image) => image.marked);
    return [
      averagePrecision(precisionRecall(all)),
      found.filter(({ right }) => right).length / found.length,
      recallOf(marked),
      ...bins.map((bin) => recallOf(marked.filter(within(bin)))),
    ];
  };
  const once = new Uint32Array(images.length).fill(1);
  const [ap, precision, recall, ...sizes] = figures(
    statistics(once),
    resample(images.length, statistics),
  );
  const marked = images.flatMap((image) => image.marked);
  const recallBySize = bins.map((bin, i) => ({
    ...bin,
    faces: marked.filter(within(bin)).length,
    recall: sizes[i],
  }));
  return {
    averagePrecision: ap,
    precision,
    recall,
    recallBySize: recallBySize.filter(({ faces }) => faces > 0),
  };
}

/** The precision-recall curve, by falling confidence; faces of one confidence are one step. */
export function precisionRecall(images: readonly JudgedImage[]): PrecisionRecall[] {
  const total = images.reduce((sum, { marked }) => sum + marked.length, 0);
  const found = images.flatMap((image) => image.found);
  found.sort((a, b) => b.face.confidence - a.face.confidence);
  let right = 0;
  return found.flatMap((one, i) => {
    if (one.right) right++;
    const { confidence } = one.face;
    if (found[i + 1]?.face.confidence === confidence) return [];
    return [{ confidence, precision: right / (i + 1), recall: right / total }];
  });
}

/**
 * Area under the curve, where precision at a recall is the best one at that recall or beyond (as PASCAL
 * VOC has it since 2010). Recall that is never reached counts as precision 0.
 */
export function averagePrecision(curve: readonly PrecisionRecall[]): number {
  let [area, best] = [0, 0];
  for (let i = curve.length - 1; i >= 0; i--) {
    best = Math.max(best, curve[i].precision);
    area += best * (curve[i].recall - (curve[i - 1]?.recall ?? 0));
  }
  // Sums of shares may exceed the whole by a rounding error.
  return Math.min(1, area);
}

/** False positives per image without faces; the interval by bootstrap over images. */
export function falsePositivesPerImage(counts: readonly number[]): Figure {
  const statistics = (drawn: Uint32Array) => [
    counts.reduce((sum, count, i) => sum + count * drawn[i], 0) / counts.length,
  ];
  const once = new Uint32Array(counts.length).fill(1);
  return figures(statistics(once), resample(counts.length, statistics))[0];
}

function recallOf(marked: readonly Marked[]): number {
  return marked.filter(({ recalled }) => recalled).length / marked.length;
}

function within({ min, max }: Pick<SizeRecall, 'min' | 'max'>) {
  return ({ box: [, , width, height] }: Marked) => {
    const size = Math.sqrt(width * height);
    return size >= min && size < (max ?? Infinity);
  };
}
