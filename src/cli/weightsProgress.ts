import type { Progress } from '../engine/weights/progress.ts';
import { clearProgress } from './progress.ts';

const BAR = 30;
const EVERY_MS = 100;
/** Without a terminal a line per this share of the download. */
const SHARE = 0.1;

const STEPS = {
  wait: 'another process is getting it, waiting',
  download: 'downloading',
  extract: 'unpacking',
  convert: 'converting',
} as const;

let last: { readonly key: string; readonly at: number } = { key: '', at: 0 };

/** Shows a pull on stderr: a bar on a terminal, a line per step and tenth elsewhere. */
export function showProgress(progress: Progress): void {
  const { model, step, bytes, total } = progress;
  const terminal = process.stderr.isTTY === true;
  const share = bytes !== undefined && total ? bytes / total : 0;
  const key = `${model} ${step} ${terminal ? '' : Math.floor(share / SHARE)}`;
  const now = performance.now();
  const often = terminal && now - last.at < EVERY_MS && share < 1;
  if (key === last.key && (!terminal || often)) return;
  last = { key, at: now };
  if (terminal) {
    clearProgress();
    process.stderr.write(line(progress, share));
    if (step === 'convert') process.stderr.write('\n');
  } else process.stderr.write(`${line(progress, share)}\n`);
}

function line({ model, step, bytes, total }: Progress, share: number): string {
  const text = `${model}: ${STEPS[step]}`;
  if (bytes === undefined) return text;
  const megabytes = (n: number): string => (n / 1e6).toFixed(1);
  if (!total) return `${text} ${megabytes(bytes)} MB`;
  const full = Math.round(share * BAR);
  const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
  const percent = `${Math.round(share * 100)}`.padStart(3);
  return `${text} ${bar} ${percent} % of ${megabytes(total)} MB`;
}
