import { type Colour, type Line, strokeLines } from './draw.ts';
import { GLYPHS } from './font.ts';
import type { Image } from './image.ts';

interface Glyph {
  readonly lines: readonly Line[];
  readonly width: number;
}

// In units of the font's grid, twelve of which are the height of a capital.
const CAPITAL = 12;
const GAP = 3.5;
const SPACE = 4;
const PEN = 0.85;

const UNKNOWN = '00 60 6c 0c 00';
const glyphs = new Map<string, Glyph>();

/** Width in pixels of one line of text whose capitals are `size` pixels high. */
export function textWidth(text: string, size: number): number {
  const units = letters(text).reduce((sum, letter) => sum + glyph(letter).width + GAP, -GAP);
  return (Math.max(units, 0) * size) / CAPITAL;
}

/**
 * Writes one line of text. Accents are dropped; letters that the font lacks are boxes.
 * @param x left edge, `y` top of the capitals, `size` their height, all in pixels; descenders need a third of `size` more.
 */
export function drawText(
  image: Image,
  text: string,
  x: number,
  y: number,
  size: number,
  colour: Colour,
): void {
  const scale = size / CAPITAL;
  let left = x;
  for (const letter of letters(text)) {
    const { lines, width } = glyph(letter);
    const offset = left;
    const placed = lines.map((line) => line.map((v, i) => (i % 2 ? y : offset) + v * scale));
    if (placed.length > 0) strokeLines(image, placed, PEN * scale, colour);
    left += (width + GAP) * scale;
  }
}

/** Breaks text at spaces, and inside words only where one is wider than `width` pixels. */
export function wrapText(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    const longer = line ? `${line} ${word}` : word;
    if (textWidth(longer, size) <= width) {
      line = longer;
      continue;
    }
    if (line) lines.push(line);
    line = '';
    for (const letter of word) {
      if (line && textWidth(line + letter, size) > width) {
        lines.push(line);
        line = '';
      }
      line += letter;
    }
  }
  return line ? [...lines, line] : lines;
}

function letters(text: string): string[] {
  return [...text.normalize('NFC')].flatMap((letter) =>
    Object.hasOwn(GLYPHS, letter) ? letter : [...letter.normalize('NFD').replace(/\p{M}/gu, '')],
  );
}

function glyph(letter: string): Glyph {
  const known = glyphs.get(letter);
  if (known) return known;
  const lines = (GLYPHS[letter] ?? UNKNOWN).split(',').filter(Boolean).map(parse);
  const width =
    lines.length === 0 ? SPACE : Math.max(...lines.flatMap((l) => l.filter((_, i) => i % 2 === 0)));
  glyphs.set(letter, { lines, width });
  return { lines, width };
}

function parse(stroke: string): number[] {
  const points = [...stroke.replace(/[~ ]/g, '')].map((digit) => Number.parseInt(digit, 36));
  return stroke.startsWith('~') ? smooth(smooth(smooth(points))) : points;
}

// Chaikin's corner cutting: every edge gives way to the points at a quarter and three quarters of it.
function smooth(points: readonly number[]): number[] {
  const [x0, y0, xn, yn] = [points[0], points[1], points.at(-2)!, points.at(-1)!];
  const cut: number[] = [];
  for (let i = 0; i + 3 < points.length; i += 2) {
    const [ax, ay, bx, by] = points.slice(i, i + 4);
    cut.push(ax + (bx - ax) / 4, ay + (by - ay) / 4, bx - (bx - ax) / 4, by - (by - ay) / 4);
  }
  const closed = x0 === xn && y0 === yn;
  return closed ? [...cut, cut[0], cut[1]] : [x0, y0, ...cut.slice(2, -2), xn, yn];
}
