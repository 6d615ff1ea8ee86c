/** One component of a fixture: its sampling factors and the 8-bit value of each 8×8 block of its own grid. */
export interface Component {
  readonly id: number;
  readonly h?: number;
  readonly v?: number;
  value(row: number, column: number): number;
}

/** A JPEG of flat blocks, written by hand so that every variant of the format can be had without a photograph. */
export interface JpegFixture {
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
  readonly progressive?: boolean;
  /** Minimum coded units between restart markers. */
  readonly restart?: number;
  /** Bits per sample that the header declares. */
  readonly precision?: number;
  /** Segments to put before the frame, such as `exif()` or `adobe()`. */
  readonly before?: readonly Uint8Array[];
}

/** Segment number `marker` (0xe1 is APP1) with the payload. */
export function segment(marker: number, payload: ArrayLike<number>): Uint8Array {
  const length = payload.length + 2;
  return Uint8Array.of(0xff, marker, length >> 8, length & 255, ...Array.from(payload));
}

/** An APP1 segment that holds nothing but the orientation tag. */
export function exif(orientation: number, littleEndian = false): Uint8Array {
  const tiff = new DataView(new ArrayBuffer(26));
  tiff.setUint16(0, littleEndian ? 0x4949 : 0x4d4d);
  tiff.setUint16(2, 42, littleEndian);
  tiff.setUint32(4, 8, littleEndian);
  tiff.setUint16(8, 1, littleEndian);
  tiff.setUint16(10, 0x0112, littleEndian);
  tiff.setUint16(12, 3, littleEndian);
  tiff.setUint32(14, 1, littleEndian);
  tiff.setUint16(18, orientation, littleEndian);
  return segment(0xe1, [...ascii('Exif\0\0'), ...new Uint8Array(tiff.buffer)]);
}

/** Adobe's APP14: 0 none (RGB or CMYK), 1 YCbCr, 2 YCCK. */
export function adobe(transform: number): Uint8Array {
  return segment(0xee, [...ascii('Adobe'), 0, 100, 0, 0, 0, 0, transform]);
}

/** Places segments between the start marker and the rest of a JPEG. */
export function insert(jpeg: Uint8Array, ...segments: Uint8Array[]): Uint8Array {
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

/** Grey Y from a table of block values, one row per line. */
export function luma(blocks: readonly (readonly number[])[], id = 1): Component {
  return { id, value: (row, column) => blocks[row]?.[column] ?? 0 };
}

/** A component of one value. */
export function flat(id: number, value: number): Component {
  return { id, value: () => value };
}

export function jpegFixture(fixture: JpegFixture): Uint8Array {
  const { width, height, components, progressive, precision = 8, restart = 0 } = fixture;
  const frame = components.flatMap(({ id, h = 1, v = 1 }) => [id, h * 16 + v, 0]);
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  return Buffer.concat([
    Uint8Array.of(0xff, 0xd8),
    ...(fixture.before ?? []),
    // A quantiser of 8 makes one step of the DC coefficient one step of the pixel.
    segment(0xdb, [0, ...Array(64).fill(8)]),
    segment(progressive ? 0xc2 : 0xc0, [precision, ...size, components.length, ...frame]),
    // DC: twelve categories as the codes 0000 to 1011. AC: the end of the block as the code 0.
    segment(0xc4, [0x00, 0, 0, 0, 12, ...Array(12).fill(0), ...Array(12).keys()]),
    segment(0xc4, [0x10, 1, ...Array(15).fill(0), 0]),
    ...(restart ? [segment(0xdd, [restart >> 8, restart & 255])] : []),
    ...(progressive
      ? [
          ...scan(fixture, components, 0, 0, 0x01),
          ...components.flatMap((component) => scan(fixture, [component], 1, 63, 0x00)),
          ...scan(fixture, components, 0, 0, 0x10),
        ]
      : scan(fixture, components, 0, 63, 0x00)),
    Uint8Array.of(0xff, 0xd9),
  ]);
}

function scan(
  fixture: JpegFixture,
  components: readonly Component[],
  first: number,
  last: number,
  approximation: number,
): Uint8Array[] {
  const { width, height, restart = 0 } = fixture;
  const maxH = Math.max(...fixture.components.map(({ h = 1 }) => h));
  const maxV = Math.max(...fixture.components.map(({ v = 1 }) => v));
  const alone = components.length === 1;
  const [{ h: h0 = 1, v: v0 = 1 }] = components;
  const unit = (samples: number, factor: number, max: number) =>
    alone ? Math.ceil(Math.ceil((samples * factor) / max) / 8) : Math.ceil(samples / 8 / max);
  const [across, down] = [unit(width, h0, maxH), unit(height, v0, maxV)];
  const predicted = new Map<Component, number>();
  const out: number[] = [];
  let bits = '';
  for (let mcu = 0; mcu < across * down; mcu++) {
    if (restart && mcu && mcu % restart === 0) {
      out.push(...pack(bits), 0xff, 0xd0 + ((mcu / restart - 1) & 7));
      predicted.clear();
      bits = '';
    }
    for (const component of components) {
      const [h, v] = alone ? [1, 1] : [component.h ?? 1, component.v ?? 1];
      for (let block = 0; block < h * v; block++) {
        const row = Math.floor(mcu / across) * v + Math.floor(block / h);
        const dc = component.value(row, (mcu % across) * h + (block % h)) - 128;
        if (first > 0) bits += '0';
        else if (approximation === 0x10) bits += dc & 1;
        else {
          const level = dc >> approximation;
          bits += difference(level - (predicted.get(component) ?? 0));
          predicted.set(component, level);
          if (last > 0) bits += '0';
        }
      }
    }
  }
  const selectors = components.flatMap(({ id }) => [id, 0]);
  const header = segment(0xda, [components.length, ...selectors, first, last, approximation]);
  return [header, Uint8Array.from([...out, ...pack(bits)])];
}

function difference(value: number): string {
  const category = value === 0 ? 0 : Math.floor(Math.log2(Math.abs(value))) + 1;
  const code = category.toString(2).padStart(4, '0');
  if (category === 0) return code;
  const magnitude = value > 0 ? value : value + 2 ** category - 1;
  return code + magnitude.toString(2).padStart(category, '0');
}

function pack(bits: string): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < bits.length; i += 8) {
    const byte = Number.parseInt(bits.slice(i, i + 8).padEnd(8, '1'), 2);
    bytes.push(byte);
    if (byte === 0xff) bytes.push(0);
  }
  return bytes;
}

function ascii(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0));
}
