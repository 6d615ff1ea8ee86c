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

/**
 * The README's table: a line a task, ours beside each provider of onnxruntime.
 * @param results as a results file has them: ours first, the peers named `onnxruntime PROVIDER`
 */
export function speedTable(results: readonly Result[]): string {
  const lines = results.map(({ what, timings: [ours, ...peers] }) => {
    const peer = (name: string) => peers.find(({ engine }) => engine === name)!;
    const [webgpu, cpu] = [peer('onnxruntime webgpu'), peer('onnxruntime cpu')];
    return [
      what.split(':')[0].replace('embed ', 'embed, '),
      ...[ours, webgpu, cpu].map(({ median }) => Math.round(median).toLocaleString('en')),
      (ours.median / webgpu.median).toFixed(2),
      (ours.median / cpu.median).toFixed(1),
      ...[ours, webgpu].map(({ first }) => (first / 1000).toFixed(1)),
      String(ours.n),
    ];
  });
  const header = [
    'task',
    'facegraph',
    'ORT WebGPU',
    'ORT CPU',
    'ours ÷ ORT WebGPU',
    'ours ÷ ORT CPU',
    'first run, s',
    'of ORT WebGPU, s',
    'n',
  ];
  return [header, header.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function milliseconds(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
