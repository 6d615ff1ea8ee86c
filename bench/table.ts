import type { Timing } from './measure.ts';

/** All timings of one task, ours first. */
export interface Result {
  readonly what: string;
  readonly timings: readonly Timing[];
}

const HEADER = ['task', 'engine', 'first ms', 'median ms', 'quartiles', 'n', 'ours ÷ peer'];

/** One line per task and engine; `first` is loading plus the first run. */
export function table(results: readonly Result[]): string {
  const rows = results.flatMap(({ what, timings }) =>
    timings.map(({ engine, first, median, quartiles, n }, i) => [
      i === 0 ? what : '',
      engine,
      milliseconds(first),
      milliseconds(median),
      quartiles.map(milliseconds).join('–'),
      String(n),
      i === 0 ? '' : (timings[0].median / median).toFixed(2),
    ]),
  );
  const widths = HEADER.map((title, column) =>
    Math.max(...[HEADER, ...rows].map((row) => row[column].length, title.length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  return [line(HEADER), line(widths.map((w) => '─'.repeat(w))), ...rows.map(line)].join('\n');
}

function milliseconds(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
