import { readFile } from 'node:fs/promises';
import { Header } from 'tar';
import {
  Checksums,
  type ImageMember,
  invalid,
  MAX_IMAGE,
  MAX_LINE,
  Manifest,
  MEMBERS,
  type Member,
  parseAs,
} from './format.ts';
import type { Spool } from './spool.ts';

/** What an archive had in it; the members lie in the spool. */
export interface Unpacked {
  readonly manifest: Manifest;
  /** The sha256 of each photograph, ascending. */
  readonly images: readonly string[];
}

/** Pulls bytes out of a stream. */
interface Bytes {
  /** Hands over exactly this many, in pieces. @throws FacegraphError `BundleInvalid` at its end. */
  pass(count: number, to: (piece: Uint8Array) => unknown): Promise<void>;
}

const BLOCK = 512;

/**
 * Writes the members of an archive into the spool as they come, and compares them with their
 * checksums. What follows the last member is not read.
 * @throws FacegraphError `BundleInvalid` for an archive that is broken or cut short, and for members
 *   that are missing, in another order, of a size that cannot be, or not as their checksums say.
 */
export async function unpack(source: AsyncIterable<Uint8Array>, spool: Spool): Promise<Unpacked> {
  const bytes = pull(source);
  const sums = new Map<string, string>();
  let manifest: Manifest | undefined;
  const images: string[] = [];
  const keep = async (member: Member | ImageMember, size: number) => {
    const file = await spool.create(member);
    await bytes.pass(size, (piece) => file.write(piece));
    await bytes.pass(-size & (BLOCK - 1), () => undefined);
    return file.end();
  };
  for (const member of MEMBERS) {
    if (member === 'checksums.json')
      for (let left = manifest!.counts.images; left > 0; left--) {
        const { path, size } = await nextHeader(bytes, 'a photograph');
        const hash = imageHash(path, images.at(-1));
        if (!(size <= MAX_IMAGE)) throw invalid(`${path} cannot have ${size} bytes`);
        if ((await keep(`images/${hash}`, size)) !== hash)
          throw invalid(`${path} is not what its name says`);
        images.push(hash);
      }
    const { path, size } = await nextHeader(bytes, member);
    if (path !== member) throw invalid(`${JSON.stringify(path)} is where ${member} should be`);
    if (!mayHave(member, size, manifest)) throw invalid(`${member} cannot have ${size} bytes`);
    sums.set(member, await keep(member, size));
    if (member === 'manifest.json')
      manifest = parseAs(Manifest, await readFile(spool.path(member), 'utf8'), member);
  }
  const name = 'checksums.json';
  const checksums = parseAs(Checksums, await readFile(spool.path(name), 'utf8'), name);
  for (const [member, sum] of Object.entries(checksums))
    if (sums.get(member) !== sum) throw invalid(`${member} is not what its checksum says`);
  return { manifest: manifest!, images };
}

function imageHash(path: string, before = ''): string {
  const [, hash] = /^images\/([0-9a-f]{64})$/.exec(path) ?? [];
  if (!hash) throw invalid(`${JSON.stringify(path)} is where a photograph should be`);
  if (hash <= before) throw invalid(`${path} is not in order`);
  return hash;
}

// Only the decoding of headers is the library's: its parser unpacks whatever is compressed, and keeps
// in memory what follows the end.
async function nextHeader(bytes: Bytes, wanted: string): Promise<{ path: string; size: number }> {
  const block = Buffer.alloc(BLOCK);
  let at = 0;
  await bytes.pass(BLOCK, (piece) => {
    block.set(piece, at);
    at += piece.length;
  });
  const header = decoded(block);
  if (!header?.cksumValid) throw invalid(`there is no tar header where ${wanted} should be`);
  const { path = '', type, size = 0 } = header;
  if (type !== 'File' && type !== 'OldFile')
    throw invalid(`${JSON.stringify(path)} (${type}) is where ${wanted} should be`);
  if (!(Number.isSafeInteger(size) && size >= 0)) throw invalid(`${path} has no size that can be`);
  return { path, size };
}

function decoded(block: Buffer): Header | undefined {
  try {
    return new Header(block);
  } catch {
    // A number beyond what JavaScript counts.
    return undefined;
  }
}

function mayHave(member: Member, size: number, manifest?: Manifest): boolean {
  const { identities = 0, faces = 0 } = manifest?.counts ?? {};
  if (member === 'embeddings.f16') return size === faces * (manifest?.model.dimensions ?? 0) * 2;
  if (member === 'identities.jsonl') return size <= identities * MAX_LINE;
  if (member === 'faces.jsonl') return size <= faces * MAX_LINE;
  return size <= MAX_LINE;
}

function pull(source: AsyncIterable<Uint8Array>): Bytes {
  const iterator = source[Symbol.asyncIterator]();
  let left: Uint8Array = new Uint8Array();
  return {
    async pass(count, to) {
      while (count > 0) {
        if (left.length === 0) {
          // An upload that its sender gave up ends in an error.
          const next = await iterator.next().catch(() => undefined);
          if (!next || next.done) throw invalid('the archive is cut short');
          left = next.value;
        }
        const piece = left.subarray(0, count);
        left = left.subarray(piece.length);
        count -= piece.length;
        await to(piece);
      }
    },
  };
}
