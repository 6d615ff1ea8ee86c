import { crc32, deflateSync } from 'node:zlib';

/** A PNG written by hand, unfiltered, from samples in the units of its bit depth. */
export interface PngFixture {
  readonly width: number;
  readonly height: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
  readonly type: 0 | 2 | 3 | 4 | 6;
  readonly depth: number;
  readonly interlaced?: boolean;
  sample(x: number, y: number): readonly number[];
  /** Chunks between the header and the data, such as PLTE and tRNS. */
  readonly before?: readonly Uint8Array[];
  /** Changes the rows before they are compressed. */
  rows?(rows: Buffer): Buffer;
}

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10);

const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

export function chunk(name: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** The header chunk alone. */
export function ihdr(
  width: number,
  height: number,
  depth: number,
  type: number,
  interlace = 0,
): Uint8Array {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, type, 0, 0, interlace], 8);
  return chunk('IHDR', data);
}

export function pngFixture(fixture: PngFixture): Uint8Array {
  const { width, height, type, depth, interlaced, sample } = fixture;
  const lines: Buffer[] = [];
  for (const [x0, y0, dx, dy] of interlaced ? ADAM7 : [[0, 0, 1, 1]]) {
    for (let y = y0; y < height && x0 < width; y += dy) {
      let bits = '';
      for (let x = x0; x < width; x += dx) {
        for (const value of sample(x, y)) bits += value.toString(2).padStart(depth, '0');
      }
      const bytes = bits.match(/.{1,8}/g)!.map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
      lines.push(Buffer.from([0, ...bytes]));
    }
  }
  const rows = Buffer.concat(lines);
  return Buffer.concat([
    PNG_SIGNATURE,
    ihdr(width, height, depth, type, interlaced ? 1 : 0),
    ...(fixture.before ?? []),
    chunk('IDAT', deflateSync(fixture.rows?.(rows) ?? rows)),
    chunk('IEND', new Uint8Array()),
  ]);
}
