import { describe, expect, it } from 'vitest';
import { blank, crop, strokeLines } from '../src/engine/image/draw.ts';
import { GLYPHS } from '../src/engine/image/font.ts';
import { resize } from '../src/engine/image/resize.ts';
import { drawText, textWidth, wrapText } from '../src/engine/image/text.ts';
import { dark, expectNear, gradient, pixel } from './support/pixels.ts';

const WHITE = [255, 255, 255] as const;
const BLACK = [0, 0, 0] as const;

describe('resize', () => {
  it('keeps a flat picture flat and a gradient a gradient, up and down', () => {
    for (const [w, h] of [
      [10, 10],
      [200, 130],
      [33, 77],
    ]) {
      expect(new Set(resize(blank(64, 48, [9, 99, 200]), w, h).data)).toEqual(
        new Set([9, 99, 200]),
      );
    }
    const half = resize(gradient(64, 48), 32, 24);
    // Halfway between the stored pixels 20 and 21, in steps of 3 across and 5 down.
    expectNear(pixel(half, 10, 10), [61.5, 102.5, 128]);
  });

  it('gives the identity at the same size', () => {
    expect(resize(gradient(31, 17), 31, 17)).toEqual(gradient(31, 17));
  });
});

describe('text', () => {
  it('has a glyph of its own for every printable ASCII character', () => {
    const drawn = new Map<string, string>();
    for (let code = 33; code < 127; code++) {
      const letter = String.fromCharCode(code);
      expect(GLYPHS).toHaveProperty([letter]);
      const image = blank(60, 60, WHITE);
      drawText(image, letter, 10, 10, 24, BLACK);
      expect(dark(image), letter).toBeGreaterThan(5);
      drawn.set(Buffer.from(image.data).toString('latin1'), letter);
    }
    expect(drawn.size).toBe(94);
  });

  it('stays within the width it announces', () => {
    const image = blank(400, 60, WHITE);
    drawText(image, 'Quick jgq_W@', 20, 20, 20, BLACK);
    const width = textWidth('Quick jgq_W@', 20);
    expect(dark(image)).toBeGreaterThan(100);
    expect(dark(crop(image, [0, 0, 17, 60]))).toBe(0);
    expect(dark(crop(image, [20 + width + 3, 0, 400, 60]))).toBe(0);
  });

  it('drops accents and boxes what it does not know', () => {
    expect(textWidth('Zoë', 12)).toBe(textWidth('Zoe', 12));
    expect(textWidth('', 12)).toBe(0);
    expect(textWidth('漢', 12)).toBeGreaterThan(0);
  });

  it('wraps at spaces, and inside a word only when it must', () => {
    const width = textWidth('aaaa bbbb', 12) + 1;
    expect(wrapText('aaaa bbbb cccc', width, 12)).toEqual(['aaaa bbbb', 'cccc']);
    const parts = wrapText('a'.repeat(40), width, 12);
    expect(parts.join('')).toBe('a'.repeat(40));
    expect(parts.every((part) => textWidth(part, 12) <= width)).toBe(true);
  });

  it('clips lines at the edge', () => {
    const image = blank(10, 10, WHITE);
    strokeLines(image, [[-5, 5, 15, 5]], 1, BLACK);
    expect(pixel(image, 0, 5)).toEqual([...BLACK]);
    expect(pixel(image, 9, 0)).toEqual([...WHITE]);
  });
});
