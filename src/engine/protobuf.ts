/**
 * Writer for the protobuf wire format: a message is a list of encoded fields, and a nested message
 * is the list itself, so that large tensors are copied once, by `join`.
 */

export type Field = readonly Uint8Array[];

const VARINT = 0;
const LENGTH = 2;

const text = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  // Division, not shifts: lengths and 64-bit integers go beyond 2^31.
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  bytes.push(value);
  return bytes;
}

const tag = (id: number, type: number): number[] => varint(id * 8 + type);

/** An integer ≥ 0. */
export function integer(id: number, value: number): Field {
  return [Uint8Array.from([...tag(id, VARINT), ...varint(value)])];
}

/** Raw bytes; they are not copied before `join`. */
export function bytes(id: number, value: Uint8Array): Field {
  return [Uint8Array.from([...tag(id, LENGTH), ...varint(value.length)]), value];
}

/** UTF-8. */
export function string(id: number, value: string): Field {
  return bytes(id, text.encode(value));
}

/** A nested message. */
export function message(id: number, fields: readonly Field[]): Field {
  const chunks = fields.flat();
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return [Uint8Array.from([...tag(id, LENGTH), ...varint(length)]), ...chunks];
}

/** The bytes of a whole message. */
export function join(fields: readonly Field[]): Uint8Array {
  const chunks = fields.flat();
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
