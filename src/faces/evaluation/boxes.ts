import { DOMParser, onErrorStopParsing } from '@xmldom/xmldom';
import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import type { Face } from '../../engine/face.ts';
import { FacegraphError } from '../../errors.ts';

/** A face that a person has marked. */
export interface MarkedBox {
  /** Pixels: left, top, width, height. */
  readonly box: Face['box'];
  /** Neither is finding it right nor missing it wrong. */
  readonly ignore: boolean;
}

/** The marked faces of each image, by its name in the file; an image without faces has none. */
export type MarkedImages = ReadonlyMap<string, readonly MarkedBox[]>;

const COLUMNS = ['image', 'x', 'y', 'width', 'height'] as const;
const number = z
  .string()
  .trim()
  .regex(/^-?\d+(\.\d+)?$/, 'is no number')
  .transform(Number);
const size = number.refine((value) => value > 0, 'is not above 0');
const Sides = z.object({ x: number, y: number, width: size, height: size });

/**
 * Reads marked boxes: CSV with the columns image, x, y, width and height in any order (an image without
 * faces has a row with its name alone), or the XML of dlib's imglab.
 * @throws FacegraphError `InvalidInput` with the line or the image that is wrong, or that two files name.
 */
export function parseBoxes(texts: readonly string[]): MarkedImages {
  const all = new Map<string, readonly MarkedBox[]>();
  for (const text of texts) {
    const images = /^\s*</.test(text.replace(/^\uFEFF/, '')) ? fromXml(text) : fromCsv(text);
    if (images.size === 0) throw wrong('a file names no image');
    for (const [image, boxes] of images) {
      if (all.has(image)) throw wrong(`${image} is there twice`);
      all.set(image, boxes);
    }
  }
  return all;
}

function fromCsv(text: string): Map<string, MarkedBox[]> {
  const images = new Map<string, MarkedBox[]>();
  const rows = csv(text);
  const [head] = rows;
  const missing = COLUMNS.filter((column) => !head?.record.includes(column));
  if (missing.length > 0)
    throw wrong(`the first line has no column ${missing.join(', ')}; expected ${COLUMNS.join()}`);
  const places = COLUMNS.map((column) => head.record.indexOf(column));
  for (const { record, info } of rows.slice(1)) {
    const [image, ...sides] = places.map((place) => record[place]);
    if (image === '') throw wrong(`line ${info.lines} names no image`);
    const boxes = images.get(image) ?? [];
    images.set(image, boxes);
    if (sides.every((side) => side === '')) continue;
    boxes.push({ box: boxOf(sides, `line ${info.lines}`), ignore: false });
  }
  return images;
}

function csv(text: string): { record: string[]; info: { lines: number } }[] {
  try {
    const options = { bom: true, info: true, skip_empty_lines: true, trim: true };
    return parse(text, options) as unknown as ReturnType<typeof csv>;
  } catch (error) {
    if (error instanceof CsvError) throw wrong(error.message);
    throw error;
  }
}

function fromXml(text: string): Map<string, MarkedBox[]> {
  const images = new Map<string, MarkedBox[]>();
  for (const image of xml(text).getElementsByTagName('image')) {
    const file = image.getAttribute('file');
    if (!file) throw wrong('an <image> has no file');
    if (images.has(file)) throw wrong(`${file} is there twice`);
    const boxes = [...image.getElementsByTagName('box')].map((box) => {
      const sides = ['left', 'top', 'width', 'height'].map((name) => box.getAttribute(name) ?? '');
      return { box: boxOf(sides, `a box of ${file}`), ignore: box.getAttribute('ignore') === '1' };
    });
    images.set(file, boxes);
  }
  return images;
}

function xml(text: string) {
  try {
    return new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, 'text/xml');
  } catch (error) {
    throw wrong(`no XML: ${String((error as Error).message).split('\n')[0]}`);
  }
}

function boxOf([x, y, width, height]: readonly string[], where: string): MarkedBox['box'] {
  const { data, error } = Sides.safeParse({ x, y, width, height });
  if (data) return [data.x, data.y, data.width, data.height];
  const [{ path, message }] = error.issues;
  throw wrong(`${where}: ${String(path[0])} ${message}`);
}

function wrong(reason: string): FacegraphError {
  return new FacegraphError('InvalidInput', `boxes: ${reason}`);
}
