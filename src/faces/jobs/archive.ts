import { once } from 'node:events';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { fromBufferPromise } from 'yauzl';
import { imageLimits } from '../../engine/image/decode.ts';
import { FacegraphError } from '../../errors.ts';

/** A plain file of an archive. */
export interface ArchiveFile {
  /** As the archive has it, with slashes. */
  readonly path: string;
  /** The bytes, or why they cannot be had. */
  readonly content: Uint8Array | FacegraphError;
}

/** What an archive may be; it is read no further than that. */
export interface ArchiveLimits {
  /** Entries, of whatever kind. */
  readonly entries: number;
  /** Unpacked, everything taken together. */
  readonly bytes: number;
}

/** 50,000 entries and 256 MB. */
export const ARCHIVE_LIMITS: ArchiveLimits = { entries: 50_000, bytes: 256_000_000 };

const CHUNK = 65_536;

/**
 * Reads the plain files of a zip, tar or tar.gz one after another; nothing is written to the disk.
 * Each file is held to the size of a photograph before it is unpacked.
 * @param wanted whether a file is of interest; others are passed over.
 * @throws FacegraphError `InvalidInput` for what is no such archive, is broken, names files outside
 *   of itself, or is beyond the limits.
 */
export async function* archiveFiles(
  archive: Uint8Array,
  wanted: (path: string) => boolean,
  limits = ARCHIVE_LIMITS,
): AsyncGenerator<ArchiveFile> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const count = counter(limits);
  try {
    if (bytes.subarray(0, 2).toString('latin1') === 'PK') yield* zipFiles(bytes, wanted, count);
    else if (bytes[0] === 0x1f && bytes[1] === 0x8b) yield* tarFiles(bytes, true, wanted, count);
    else if (isTar(bytes)) yield* tarFiles(bytes, false, wanted, count);
    else throw invalid('this is no zip, tar or tar.gz archive');
  } catch (error) {
    throw error instanceof FacegraphError ? error : invalid('the archive is broken');
  }
}

interface Counter {
  entry(): void;
  unpacked(bytes: number): void;
}

function counter(limits: ArchiveLimits): Counter {
  let entries = 0;
  let bytes = 0;
  return {
    entry() {
      if (++entries > limits.entries)
        throw invalid(`the archive has more than ${limits.entries} entries`);
    },
    unpacked(more) {
      bytes += more;
      if (bytes > limits.bytes)
        throw invalid(`the archive is larger than ${limits.bytes / 1e6} MB when unpacked`);
    },
  };
}

async function* zipFiles(
  bytes: Buffer,
  wanted: (path: string) => boolean,
  count: Counter,
): AsyncGenerator<ArchiveFile> {
  const zip = await fromBufferPromise(bytes, { lazyEntries: true });
  for await (const entry of zip.eachEntry()) {
    count.entry();
    const path = entry.fileName;
    if (path.endsWith('/') || !wanted(path)) continue;
    const refused = entry.isEncrypted()
      ? invalid('the file is encrypted')
      : tooLarge(entry.uncompressedSize);
    if (refused) {
      yield { path, content: refused };
      continue;
    }
    // The size in the directory may lie: yauzl stops at it, and fails.
    count.unpacked(entry.uncompressedSize);
    const parts: Buffer[] = [];
    for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part);
    yield { path, content: Buffer.concat(parts) };
  }
}

async function* tarFiles(
  bytes: Buffer,
  gzipped: boolean,
  wanted: (path: string) => boolean,
  count: Counter,
): AsyncGenerator<ArchiveFile> {
  const found: ArchiveFile[] = [];
  let failure: unknown;
  let reading: Promise<void> = Promise.resolve();
  const read = async (entry: ReadEntry) => {
    try {
      count.entry();
      const file = await tarFile(entry, wanted);
      if (file) found.push(file);
    } catch (error) {
      failure ??= error;
    } finally {
      // The parser does not come to the next entry before the end of this one.
      entry.resume();
    }
  };
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      reading = reading.then(() => read(entry));
    },
  });
  let drained = () => {};
  parser.on('drain', () => drained());
  parser.on('error', (error) => {
    failure ??= error;
    drained();
  });
  const ended = once(parser, 'end');
  ended.catch(() => undefined);
  let begun = false;
  for await (const chunk of gzipped ? chunks(bytes).pipe(createGunzip()) : chunks(bytes)) {
    // The parser would unpack what was packed twice by itself, and nobody would count it.
    if (!begun && !isTar(chunk)) throw invalid('this is no zip, tar or tar.gz archive');
    begun = true;
    // Everything counts, also what is passed over: it takes time to unpack.
    count.unpacked(chunk.length);
    if (!parser.write(chunk) && !failure)
      await new Promise<void>((resolve) => {
        drained = resolve;
      });
    if (failure) throw failure;
    yield* found.splice(0);
  }
  parser.end();
  if (!failure) await ended;
  await reading;
  if (failure) throw failure;
  yield* found;
}

async function tarFile(
  entry: ReadEntry,
  wanted: (path: string) => boolean,
): Promise<ArchiveFile | undefined> {
  const { path, type, size } = entry;
  if (path.split('/').includes('..') || path.startsWith('/'))
    throw invalid('the archive names files outside of itself');
  // Links, devices and folders are none of our business.
  if ((type !== 'File' && type !== 'OldFile') || !wanted(path)) return undefined;
  return { path, content: tooLarge(size) ?? (await entry.concat()) };
}

function isTar(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar';
}

function tooLarge(size: number): FacegraphError | undefined {
  const { maxBytes } = imageLimits();
  if (size <= maxBytes) return undefined;
  return new FacegraphError('ImageTooLarge', `the image has more than ${maxBytes / 1e6} MB`);
}

function chunks(bytes: Buffer): Readable {
  const starts = Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, i) => i * CHUNK);
  return Readable.from(starts.map((start) => bytes.subarray(start, start + CHUNK)));
}

function invalid(message: string): FacegraphError {
  return new FacegraphError('InvalidInput', message);
}
