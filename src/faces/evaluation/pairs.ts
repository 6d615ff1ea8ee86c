import { parse } from 'node:path';
import { FacegraphError } from '../../errors.ts';

/** Two pictures to compare. */
export interface Pair {
  /** Stems of the two files, as `Ann_Lee_0002`. */
  readonly pictures: readonly [string, string];
  readonly identities: readonly [string, string];
  readonly genuine: boolean;
  /** The part of the test that it belongs to, from 0. */
  readonly fold: number;
}

/** A test of pairs. */
export interface PairList {
  readonly pairs: readonly Pair[];
  readonly folds: number;
  /** False when the file has no folds of its own, so that they were made here. */
  readonly given: boolean;
}

const FOLDS = 10;

/**
 * Reads the format of LFW: a first line `folds n` or only `n`, then for each fold n lines
 * `name i j` of one person and n lines `nameA i nameB j` of two, fields apart by tabs. Without folds
 * (LFW's development sets) every tenth pair of each kind goes into the same of ten.
 * @throws FacegraphError `InvalidInput` naming the line that is wrong.
 */
export function parsePairs(text: string): PairList {
  const lines = text.split(/\r?\n/).map((line, i) => ({ fields: fieldsOf(line), number: i + 1 }));
  const [head, ...body] = lines.filter(({ fields }) => fields.length > 0);
  const header = head?.fields.map(Number);
  if (!header || header.length > 2 || !header.every((n) => Number.isInteger(n) && n > 0))
    throw wrong(head?.number ?? 1, 'expected the number of pairs, or of folds and of pairs');
  const given = header.length === 2;
  const [folds, each] = given ? header : [1, header[0]];
  const expected = folds * each * 2;
  if (body.length !== expected)
    throw wrong(head.number, `announces ${expected} pairs, but ${body.length} follow`);
  const pairs = body.map(({ fields, number }, i) => {
    const genuine = i % (2 * each) < each;
    const fold = given ? Math.floor(i / (2 * each)) : (i % each) % FOLDS;
    return { ...pairOf(fields, genuine, number), fold };
  });
  return { pairs, folds: given ? folds : Math.min(FOLDS, each), given };
}

/**
 * The files of all pictures of a test, by stem.
 * @throws FacegraphError `InvalidInput` when pictures are missing, or there twice.
 */
export function locatePictures(
  pairs: readonly Pair[],
  paths: readonly string[],
): Map<string, string> {
  const known = new Map<string, string[]>();
  for (const path of paths) {
    const { name } = parse(path);
    known.set(name, [...(known.get(name) ?? []), path]);
  }
  const wanted = [...new Set(pairs.flatMap(({ pictures }) => pictures))];
  const missing = wanted.filter((picture) => !known.has(picture));
  if (missing.length > 0)
    throw new FacegraphError(
      'InvalidInput',
      `${missing.length} of ${wanted.length} pictures of the pairs are not among the images, the first is ${missing[0]}`,
    );
  const twice = wanted.map((picture) => known.get(picture)!).find((same) => same.length > 1);
  if (twice)
    throw new FacegraphError('InvalidInput', `${twice.join(' and ')} are one picture of the pairs`);
  return new Map(wanted.map((picture) => [picture, known.get(picture)![0]]));
}

function pairOf(fields: readonly string[], genuine: boolean, line: number): Omit<Pair, 'fold'> {
  if (genuine ? fields.length !== 3 : fields.length !== 4)
    throw wrong(line, genuine ? 'expected `name i j`' : 'expected `nameA i nameB j`');
  const [a, i, b, j] = genuine ? [fields[0], fields[1], fields[0], fields[2]] : fields;
  if (!/^\d{1,4}$/.test(i) || !/^\d{1,4}$/.test(j))
    throw wrong(line, `the number of a picture is ${/^\d{1,4}$/.test(i) ? j : i}`);
  if (!genuine && a === b) throw wrong(line, `both pictures are of ${a}`);
  if (genuine && Number(i) === Number(j)) throw wrong(line, 'compares a picture with itself');
  return { pictures: [stem(a, i), stem(b, j)], identities: [a, b], genuine };
}

function fieldsOf(line: string): string[] {
  return line.trim() === '' ? [] : line.trim().split(line.includes('\t') ? '\t' : /\s+/);
}

function stem(name: string, number: string): string {
  return `${name}_${number.padStart(4, '0')}`;
}

function wrong(line: number, reason: string): FacegraphError {
  return new FacegraphError('InvalidInput', `pairs, line ${line}: ${reason}`);
}
