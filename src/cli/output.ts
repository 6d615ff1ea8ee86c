import type { Face } from '../engine/face.ts';

/** A list that is written while it grows, so that a long batch needs no memory and shows life. */
export interface Listing {
  /** Writes one element: `value` with --json, else `text` (whole lines without the last newline). */
  item(value: unknown, text: string): void;
  end(): void;
}

/** Opens the list on stdout: one JSON array, one element per line, or plain text. */
export function listing(json: boolean): Listing {
  if (!json) return { item: (_, text) => print(text), end: () => {} };
  let separator = '[\n';
  return {
    item(value) {
      process.stdout.write(separator + JSON.stringify(value));
      separator = ',\n';
    },
    end: () => print(separator === '[\n' ? '[]' : '\n]'),
  };
}

/** Writes text and a newline to stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A heading, and below it rows of aligned columns, indented by two spaces. */
export function block(heading: string, rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i])).join('  ')}`);
  return [heading, ...lines.map((line) => line.trimEnd())].join('\n');
}

/** A box for people: `277,90 48×63`. */
export function boxText({ box: [x, y, width, height] }: Pick<Face, 'box'>): string {
  return `${x},${y} ${width}×${height}`;
}

/** `one face`, `3 faces`, `no face`. */
export function counted(n: number, noun: string): string {
  return n === 1 ? `one ${noun}` : n === 0 ? `no ${noun}` : `${n} ${noun}s`;
}

/** A distance or probability with the digits that mean something. */
export function rounded(value: number, digits = 6): number {
  return Number(value.toFixed(digits));
}
