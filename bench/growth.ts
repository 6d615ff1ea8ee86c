/** Milliseconds of a search. */
export interface SearchTime {
  readonly median: number;
  readonly quartiles: readonly [number, number];
}

/** One engine over so many rows. */
export interface Growth {
  readonly engine: string;
  readonly count: number;
  readonly dimensions: number;
  /** Of all rows, which a search must read. */
  readonly bytes: number;
  readonly one: SearchTime;
  /** 32 probes at once. */
  readonly together: SearchTime;
}

/** A line for each, as Markdown. `bandwidth` is what the adapter copies, in bytes a second. */
export function growthTable(growth: readonly Growth[], bandwidth: number): string {
  const lines = growth.map(({ engine, count, dimensions, bytes, one, together }) => {
    const rate = bytes / (one.median / 1000);
    return [
      engine,
      `${count.toLocaleString('en')} × ${dimensions}`,
      time(one),
      time(together),
      (rate / 1e9).toFixed(1),
      (rate / bandwidth).toFixed(2),
    ];
  });
  const header = ['engine', 'rows', 'one probe, ms', '32 probes, ms', 'GB/s', 'of the copy'];
  return [header, header.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function time({ median, quartiles }: SearchTime): string {
  return `${short(median)} (${quartiles.map(short).join('–')})`;
}

function short(ms: number): string {
  return ms < 100 ? ms.toFixed(1) : ms.toFixed(0);
}
