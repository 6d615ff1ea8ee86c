import { type FileHandle, open } from 'node:fs/promises';
import { fromHalf } from '../../engine/half.ts';
import {
  FaceLine,
  IdentityLine,
  invalid,
  MAX_FACES_OF_ONE,
  MAX_LINE,
  type Manifest,
  parseAs,
} from './format.ts';
import type { Spool } from './spool.ts';

/** A person of a bundle with all faces and their embeddings, L2-normalised. */
export interface Person {
  /** Null: some of the faces of nobody known. */
  readonly identity: IdentityLine | null;
  readonly faces: readonly { readonly face: FaceLine; readonly embedding: Float32Array }[];
}

/** An embedding's norm after rounding to f16 lies within this of 1. */
const NORM_TOLERANCE = 0.01;
/** Faces of nobody that come at once. */
const GROUP = 1000;

/**
 * The people of an unpacked bundle, one at a time, and the faces of nobody after them in groups.
 * @throws FacegraphError `BundleInvalid` for lines, an order, counts or embeddings that are not as
 *   docs/bundle.md says.
 */
export async function* people(spool: Spool, { counts, model }: Manifest): AsyncGenerator<Person> {
  const embeddings = await open(spool.path('embeddings.f16'));
  const faces = records(spool, 'faces.jsonl', FaceLine);
  try {
    let [last, row] = ['', 0];
    let next = await faces.next();
    let found = 0;
    const read = async (face: FaceLine, before: string) => {
      if (face.id <= before) throw invalid(`face ${face.id} is not in order`);
      return { face, embedding: await embedding(embeddings, row++, model.dimensions) };
    };
    for await (const identity of records(spool, 'identities.jsonl', IdentityLine)) {
      found++;
      if (identity.id <= last) throw invalid(`identity ${identity.id} is not in order`);
      last = identity.id;
      const theirs: Person['faces'][number][] = [];
      for (; next.value?.identityId === last; next = await faces.next()) {
        if (theirs.length === MAX_FACES_OF_ONE)
          throw invalid(`identity ${last} has more than ${MAX_FACES_OF_ONE} faces`);
        theirs.push(await read(next.value, theirs.at(-1)?.face.id ?? ''));
      }
      yield { identity, faces: theirs };
    }
    let nobodys: Person['faces'][number][] = [];
    for (let before = ''; next.value?.identityId === null; next = await faces.next()) {
      nobodys.push(await read(next.value, before));
      before = next.value.id;
      if (nobodys.length < GROUP) continue;
      yield { identity: null, faces: nobodys };
      nobodys = [];
    }
    if (nobodys.length > 0) yield { identity: null, faces: nobodys };
    if (next.value)
      throw invalid(`face ${next.value.id} is not in order, or its identity is missing`);
    if (found !== counts.identities || row !== counts.faces)
      throw invalid(`${found} identities and ${row} faces are not what the manifest counts`);
  } finally {
    await faces.return(undefined);
    await embeddings.close();
  }
}

async function* records<T>(
  spool: Spool,
  member: 'identities.jsonl' | 'faces.jsonl',
  schema: Parameters<typeof parseAs<T>>[0],
): AsyncGenerator<T, undefined> {
  const file = await open(spool.path(member));
  let line = 0;
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of file.createReadStream({ highWaterMark: MAX_LINE })) {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        const text = rest.toString('utf8', 0, end);
        rest = rest.subarray(end + 1);
        yield parseAs(schema, text, `line ${++line} of ${member}`);
      }
      if (rest.length > MAX_LINE) throw invalid(`line ${line + 1} of ${member} is too long`);
    }
    if (rest.length > 0) throw invalid(`${member} does not end with a line break`);
  } finally {
    await file.close();
  }
}

async function embedding(file: FileHandle, row: number, dimensions: number): Promise<Float32Array> {
  const bits = new Uint16Array(dimensions);
  const { bytesRead } = await file.read(bits, 0, bits.byteLength, row * bits.byteLength);
  if (bytesRead !== bits.byteLength) throw invalid(`there is no embedding ${row}`);
  const values = fromHalf(bits);
  const norm = Math.hypot(...values);
  // Also false for NaN.
  if (!(Math.abs(norm - 1) <= NORM_TOLERANCE))
    throw invalid(`embedding ${row} has norm ${norm}: it must be 1`);
  return values.map((value) => value / norm);
}
