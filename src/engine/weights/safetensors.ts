import { open, readFile } from 'node:fs/promises';
import { FacegraphError } from '../../errors.ts';
import { floats, sizeOf, type Tensor, type Tensors } from './tensor.ts';

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

/** Bytes before the JSON header: its length as a 64-bit integer. */
const PREFIX = 8;

/**
 * Writes float32 tensors as a safetensors file (8 bytes of header length, JSON header padded to
 * 8 bytes, data), and syncs it to the disk. The machine is assumed little-endian, as the format is.
 */
export async function writeSafetensors(path: string, tensors: Tensors): Promise<void> {
  const entries: [name: string, entry: Entry][] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const end = offset + data.byteLength;
    entries.push([name, { dtype: 'F32', shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Not assigned one by one: a tensor may be called __proto__.
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padding = Buffer.alloc((8 - (json.length % 8)) % 8, ' ');
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeBigUInt64LE(BigInt(json.length + padding.length));

  const file = await open(path, 'w');
  try {
    await file.writev([prefix, json, padding]);
    for (const { data } of tensors.values())
      await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Reads a safetensors file whole; see `parseSafetensors`. */
export async function readSafetensors(path: string): Promise<Tensors> {
  return parseSafetensors(await readFile(path));
}

/**
 * The tensors of a safetensors file, as views into `bytes` where alignment allows.
 * @throws FacegraphError `WeightsInvalid` when the header does not describe the bytes.
 */
export function parseSafetensors(bytes: Uint8Array): Tensors {
  const header = headerOf(bytes);
  const tensors: Tensors = new Map();
  const start = PREFIX + header.length;
  for (const [name, entry] of Object.entries(header.entries))
    if (name !== '__metadata__') tensors.set(name, tensorOf(bytes, start, name, entry));
  return tensors;
}

function headerOf(bytes: Uint8Array): { length: number; entries: Record<string, Entry> } {
  if (bytes.length < PREFIX) throw invalid('it is shorter than a header');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - PREFIX) throw invalid('its header is cut off');
  try {
    const json = Buffer.from(bytes.buffer, bytes.byteOffset + PREFIX, length).toString('utf8');
    return { length, entries: JSON.parse(json) as Record<string, Entry> };
  } catch {
    throw invalid('its header is not JSON');
  }
}

function tensorOf(bytes: Uint8Array, start: number, name: string, entry: Entry): Tensor {
  if (entry.dtype !== 'F32') throw invalid(`${name} is ${entry.dtype}, not F32`);
  const [begin, end] = entry.data_offsets;
  const count = sizeOf(entry.shape);
  if (end - begin !== count * 4 || begin < 0 || start + end > bytes.length)
    throw invalid(`${name} does not fit its place`);
  const at = bytes.byteOffset + start + begin;
  const aligned = at % 4 === 0;
  const data = aligned
    ? new Float32Array(bytes.buffer as ArrayBuffer, at, count)
    : floats(bytes.subarray(start + begin, start + end));
  return { shape: entry.shape, data };
}

function invalid(reason: string): FacegraphError {
  return new FacegraphError('WeightsInvalid', `not a usable safetensors file: ${reason}`);
}
