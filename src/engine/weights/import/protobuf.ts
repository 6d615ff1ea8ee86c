import { FacegraphError } from '../../../errors.ts';

/** A field of a protobuf message: an integer, or the raw bytes of anything longer. */
export interface Field {
  readonly id: number;
  readonly value: number | Uint8Array;
}

const VARINT = 0;
const BITS64 = 1;
const LENGTH = 2;
const BITS32 = 5;

/**
 * The fields of one protobuf message, in order, without copying; nested messages come as bytes.
 * Integers above 2^53 lose their low bits.
 * @throws FacegraphError `WeightsInvalid` when the bytes are not protobuf.
 */
export function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw cutOff();
      value += (byte & 127) * weight;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw cutOff();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const id = Math.floor(key / 8);
    switch (key % 8) {
      case VARINT:
        yield { id, value: varint() };
        break;
      case BITS64:
        yield { id, value: take(8) };
        break;
      case LENGTH:
        yield { id, value: take(varint()) };
        break;
      case BITS32:
        yield { id, value: take(4) };
        break;
      default:
        throw new FacegraphError('WeightsInvalid', 'not a protobuf file');
    }
  }
}

function cutOff(): FacegraphError {
  return new FacegraphError('WeightsInvalid', 'the protobuf file is cut off');
}
