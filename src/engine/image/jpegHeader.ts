import { FacegraphError } from '../../errors.ts';

/** A JPEG frame that jpeg-js decodes correctly: Huffman coded DCT, 8 bits, 1, 3 or 4 components. */
export interface JpegHeader {
  readonly format: 'jpeg';
  readonly width: number;
  readonly height: number;
  /** Identifiers of the components, in order. */
  readonly components: readonly number[];
  /** Three components that are R, G, B rather than Y, Cb, Cr. */
  readonly rgb: boolean;
  /** Offset of the first start-of-scan marker. */
  readonly scan: number;
}

interface Segment {
  readonly marker: number;
  /** Offset of the 0xFF byte, of the payload, and of the first byte after it. */
  readonly start: number;
  readonly payload: number;
  readonly end: number;
}

interface Frame {
  width: number;
  height: number;
  components: number[];
}

const REFUSED: Readonly<Record<number, string>> = {
  195: 'lossless',
  197: 'hierarchical',
  198: 'hierarchical',
  199: 'lossless hierarchical',
  201: 'arithmetic-coded',
  202: 'arithmetic-coded progressive',
  203: 'arithmetic-coded lossless',
  205: 'arithmetic-coded hierarchical',
  206: 'arithmetic-coded hierarchical',
  207: 'arithmetic-coded lossless hierarchical',
  247: 'LS',
};

/**
 * Reads the segments of a JPEG up to the first scan.
 * @throws FacegraphError `UnsupportedImage`
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader {
  let frame: Frame | undefined;
  let adobe: number | undefined;
  let jfif = false;
  let position = 2;
  for (;;) {
    const { marker, start, payload, end } = nextSegment(bytes, position);
    if (marker === 0xd9) throw refused('JPEG without a picture');
    if (REFUSED[marker]) throw refused(`${REFUSED[marker]} JPEG is not supported`);
    if (marker >= 0xc0 && marker <= 0xc2) {
      if (frame) throw refused('JPEG with more than one frame');
      frame = readFrame(bytes.subarray(payload, end));
    }
    const name = String.fromCharCode(...bytes.subarray(payload, Math.min(payload + 5, end)));
    if (marker === 0xe0 && name === 'JFIF\0') jfif = true;
    if (marker === 0xee && name === 'Adobe' && end - payload >= 12) adobe = bytes[payload + 11];
    if (marker === 0xda) {
      if (!frame) throw refused('damaged JPEG: a scan comes before the frame header');
      // The rule of libjpeg: JFIF means YCbCr, else Adobe's transform decides, else the letters R, G, B.
      const letters = String.fromCharCode(...frame.components) === 'RGB';
      const rgb = !jfif && frame.components.length === 3 && (adobe ?? (letters ? 0 : 1)) === 0;
      if (frame.components.length === 4 && adobe === undefined) {
        throw refused('CMYK JPEG without an Adobe marker is ambiguous and not supported');
      }
      return { format: 'jpeg', ...frame, rgb, scan: start };
    }
    position = end;
  }
}

/**
 * Follows the scans to the end marker, so that a file cut short is refused rather than shown half grey.
 * @throws FacegraphError `UnsupportedImage`
 */
export function checkJpegScans(bytes: Uint8Array, header: JpegHeader): void {
  const missing = new Set(header.components);
  let position = header.scan;
  for (;;) {
    const { marker, payload, end } = nextSegment(bytes, position);
    if (marker === 0xd9) break;
    if (marker >= 0xc0 && marker <= 0xc2) throw refused('JPEG with more than one frame');
    position = end;
    if (marker !== 0xda) continue;
    const count = bytes[payload];
    if (end - payload !== 4 + 2 * count) throw refused('damaged JPEG: a scan header is malformed');
    const firstCoefficient = bytes[payload + 1 + 2 * count];
    for (let i = 0; i < count && firstCoefficient === 0; i++)
      missing.delete(bytes[payload + 1 + 2 * i]);
    position = endOfEntropy(bytes, end);
  }
  if (missing.size > 0) throw refused('damaged JPEG: a colour component has no data');
}

function nextSegment(bytes: Uint8Array, from: number): Segment {
  let start = bytes.indexOf(0xff, from);
  while (start >= 0 && bytes[start + 1] === 0xff) start++;
  if (start < 0 || start + 1 >= bytes.length) throw truncated();
  const marker = bytes[start + 1];
  const alone = marker === 0xd9 || marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd7);
  if (alone) return { marker, start, payload: start + 2, end: start + 2 };
  if (start + 4 > bytes.length) throw truncated();
  const end = start + 2 + bytes[start + 2] * 256 + bytes[start + 3];
  if (end < start + 4) throw refused('damaged JPEG: a segment has no length');
  if (end > bytes.length) throw truncated();
  return { marker, start, payload: start + 4, end };
}

function readFrame(payload: Uint8Array): Frame {
  if (payload.length < 6 || payload.length < 6 + 3 * payload[5]) {
    throw refused('damaged JPEG: the frame header is too short');
  }
  const view = new DataView(payload.buffer, payload.byteOffset);
  const [height, width] = [view.getUint16(1), view.getUint16(3)];
  if (payload[0] !== 8) throw refused(`JPEG with ${payload[0]} bits per sample is not supported`);
  if (width === 0 || height === 0) throw refused(`JPEG of ${width}x${height} pixels`);
  if (![1, 3, 4].includes(payload[5])) throw refused(`JPEG with ${payload[5]} components`);
  const components = Array.from({ length: payload[5] }, (_, i) => payload[6 + 3 * i]);
  if (new Set(components).size < components.length) {
    throw refused('damaged JPEG: two components have the same identifier');
  }
  for (let i = 0; i < components.length; i++) {
    const sampling = payload[7 + 3 * i];
    const [h, v] = [sampling >> 4, sampling & 15];
    if (h < 1 || h > 4 || v < 1 || v > 4) throw refused(`damaged JPEG: sampling factor ${h}x${v}`);
  }
  return { width, height, components };
}

function endOfEntropy(bytes: Uint8Array, from: number): number {
  let at = bytes.indexOf(0xff, from);
  while (at >= 0) {
    const next = bytes[at + 1];
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
    at = bytes.indexOf(0xff, at + 1);
  }
  throw truncated();
}

function refused(reason: string): FacegraphError {
  return new FacegraphError('UnsupportedImage', reason);
}

function truncated(): FacegraphError {
  return refused('truncated JPEG: the file ends before its end marker');
}
