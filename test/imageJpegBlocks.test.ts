import jpeg from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { encodeJpeg } from '../src/engine/image/encode.ts';
import { readHeader } from '../src/engine/image/header.ts';
import type { Image } from '../src/engine/image/image.ts';
import { decodeJpeg } from '../src/engine/image/jpeg.ts';
import { withPooledBlocks } from '../src/engine/image/jpegBlocks.ts';

const Own = Int32Array;
/** More than the buffer that is kept holds. */
const MANY = 25_000;

describe('blocks of a JPEG', () => {
  it.each([100, MANY])('%i of them are zero and share nothing, whatever was there before', (n) => {
    for (let turn = 0; turn < 2; turn++)
      withPooledBlocks(() => {
        const blocks = Array.from({ length: n }, () => new Int32Array(64));
        expect(blocks.every((block) => block.length === 64 && !block.some(Boolean))).toBe(true);
        for (const [i, block] of blocks.entries()) block.fill(i + 1);
        expect(blocks.every((block, i) => block.every((value) => value === i + 1))).toBe(true);
      });
  });

  it('are views of few buffers; arrays of other lengths, or of values, are as ever', () => {
    withPooledBlocks(() => {
      const blocks = Array.from({ length: 1000 }, () => new Int32Array(64));
      expect(new Set(blocks.map(({ buffer }) => buffer)).size).toBe(1);
      expect(new Int32Array(65).buffer.byteLength).toBe(65 * 4);
      expect([...new Int32Array([3, 2, 1])]).toEqual([3, 2, 1]);
    });
  });

  it('leave the global as it was, also after an error', () => {
    expect(withPooledBlocks(() => 7)).toBe(7);
    const failing = () =>
      withPooledBlocks(() => {
        throw new Error('cut short');
      });
    expect(failing).toThrow('cut short');
    expect(Int32Array).toBe(Own);
  });

  it('change no pixel, of large pictures and small ones in turn', () => {
    for (const [width, height] of [
      [900, 700],
      [33, 17],
      [640, 480],
      [900, 700],
    ]) {
      const file = encodeJpeg(noise(width, height));
      const expected = jpeg.decode(file, { useTArray: true, formatAsRGBA: false }).data;
      const header = readHeader(file);
      if (header.format !== 'jpeg') throw new Error('not a JPEG');
      expect(Buffer.compare(decodeJpeg(file, header).data, expected)).toBe(0);
    }
  });
});

function noise(width: number, height: number): Image {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 2654435761) >>> 24);
  return { width, height, data };
}
