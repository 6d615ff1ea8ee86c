import { type Frame, frames } from '../engine/profile/frames.ts';
import type { Profile, StepProfile } from '../engine/profile/profile.ts';
import { type Curve, linePlot } from '../faces/evaluation/charts.ts';
import { type Html, html } from '../faces/evaluation/html.ts';
import { charts, page, paragraph, section, table } from '../faces/evaluation/report.ts';
import { headings, STEP_HEAD, stepRow } from './profileText.ts';

const WIDTH = 1040;
const ROW = 22;
/** Pixels of a letter at the size that frames are named in. */
const LETTER = 6.2;
const INK = '#1a1a1a';
const COLOURS = ['#8ec1e2', '#f2b48a', '#8fd3bf', '#e5c3d6', '#f0d58c', '#c9c9c9', '#b8e0f5'];

/** A profile as one file: flame chart, roofline plot, and every step. */
export function profilePage(profile: Profile): string {
  const { model, batch, adapter, sections, steps } = profile;
  const total = steps.reduce((sum, { time }) => sum + time.median, 0);
  const slowest = [...steps].sort((a, b) => b.time.median - a.time.median);
  return page(
    `Profile of ${model} × ${batch}`,
    `Every GPU dispatch on ${adapter.description}, timed and compared with the scalar reference.`,
    [
      section('What was measured', table({ head: ['', ''], rows: headings(profile) })),
      section(
        'Where the time goes',
        flameChart(profile),
        paragraph(
          'The run whose total is in the middle, from left to right in milliseconds. Point at a frame to read its figures.',
        ),
      ),
      section('Roofline', charts([{ chart: roofline(profile), caption: ROOFLINE }])),
      section(
        'Networks',
        table({
          head: ['network', 'median ms in one pass', 'against', 'max error', 'rms error', 'values'],
          rows: sections.map(({ name, whole, parity }) => [
            name,
            whole.median.toFixed(2),
            parity?.against ?? 'nobody',
            parity?.max?.toExponential(1) ?? '',
            parity?.rms?.toExponential(1) ?? '',
            parity?.n ?? '',
          ]),
        }),
      ),
      section('Steps, slowest first', stepTable(slowest, total)),
    ],
  );
}

// Numbers are not broken, so that they can be compared down a column.
function stepTable(steps: readonly StepProfile[], total: number): Html {
  const whole = (cell: string) => html`<span style="white-space: nowrap">${cell}</span>`;
  const rows = steps.map((step) => stepRow(step, total).map(whole));
  return html`<div style="font-size: 11.5px; overflow-x: auto">${table({ head: STEP_HEAD.map(whole), rows })}</div>`;
}

const ROOFLINE =
  'Each dot is a step: how fast it computes over how much it computes for each byte it must move. The lines are what the adapter was seen to do at most: a copy (rising) and multiply-adds in registers (level). Above the rising line data came out of a cache.';

function roofline({ steps, ceilings }: Profile): Html {
  const dots = steps.filter(({ flop, flopPerSecond }) => flop > 0 && flopPerSecond > 0);
  const intensity = ({ flop, read, written }: StepProfile) => flop / (read + written);
  const place = (step: StepProfile) => [intensity(step), step.flopPerSecond / 1e9] as const;
  const [bandwidth, top] = [ceilings.bytesPerSecond / 1e9, ceilings.flopPerSecond / 1e9];
  const xs = dots.map(intensity);
  const ys = dots.map(({ flopPerSecond }) => flopPerSecond / 1e9);
  const [left, right] = decades([...xs, top / bandwidth]);
  const [bottom, height] = decades([...ys, top]);
  // The rising line starts where it enters the frame.
  const from = Math.max(left, bottom / bandwidth);
  const curves: Curve[] = [
    {
      name: 'ceilings',
      reference: true,
      points: [
        [from, from * bandwidth],
        [top / bandwidth, top],
        [right, top],
      ],
    },
    ...kernelsOf(dots).map((kernel) => ({
      name: kernel,
      dots: true,
      points: dots.filter((step) => step.kernel === kernel).map(place),
    })),
  ];
  return linePlot({
    x: { label: 'arithmetic intensity (FLOP per byte)', min: left, max: right, log: true },
    y: { label: 'achieved (GFLOP/s)', min: bottom, max: height, log: true },
    curves,
  });
}

/** The powers of ten around values. */
function decades(values: readonly number[]): [number, number] {
  const power = (value: number, round: (v: number) => number) => 10 ** round(Math.log10(value));
  return [power(Math.min(...values), Math.floor), power(Math.max(...values), Math.ceil)];
}

function kernelsOf(steps: readonly StepProfile[]): string[] {
  return [...new Set(steps.map(({ kernel }) => kernel))].sort();
}

function flameChart(profile: Profile): Html {
  const all = frames(profile);
  const span = all.at(-1)?.end ?? 1;
  const kernels = kernelsOf(profile.steps);
  const colour = (kernel: string) => COLOURS[kernels.indexOf(kernel) % COLOURS.length];
  const depth = (frame: Frame): number => 1 + Math.max(0, ...frame.children.map(depth));
  const height = ROW * Math.max(1, ...all.map(depth));
  const draw = (frame: Frame, level: number): Html => {
    const { name, begin, end, step, children } = frame;
    const [x, width] = [(begin / span) * WIDTH, ((end - begin) / span) * WIDTH];
    const letters = Math.floor((width - 6) / LETTER);
    const shown =
      letters >= name.length ? name : letters > 3 ? `${name.slice(0, letters - 1)}…` : '';
    return html`<g><title>${describe(frame)}</title><rect x="${x.toFixed(2)}" y="${level * ROW}" width="${Math.max(0.3, width).toFixed(2)}" height="${ROW - 1}" fill="${step ? colour(step.kernel) : '#e8e8e8'}" stroke="#fff" stroke-width="0.4"/>${shown && html`<text x="${(x + 3).toFixed(1)}" y="${level * ROW + 15}" font-size="11" fill="${INK}">${shown}</text>`}</g>
${children.map((child) => draw(child, level + 1))}`;
  };
  const legend = kernels.map(
    (kernel, i) =>
      html`<g><rect x="${i * 120}" y="${height + 34}" width="12" height="12" fill="${colour(kernel)}"/><text x="${i * 120 + 17}" y="${height + 44}" font-size="12" fill="${INK}">${kernel}</text></g>`,
  );
  return html`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="flame chart of the steps" viewBox="0 0 ${WIDTH} ${height + 52}" width="${WIDTH}" font-family="system-ui, sans-serif">
${all.map((frame) => draw(frame, 0))}${ticks(span, height)}${legend}</svg>`;
}

function ticks(span: number, height: number): Html[] {
  const power = 10 ** Math.floor(Math.log10(span / 5));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((s) => span / s <= 10)!;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => {
    const at = i * step;
    const x = ((at / span) * WIDTH).toFixed(1);
    const anchor = i === 0 ? 'start' : 'middle';
    return html`<line x1="${x}" x2="${x}" y1="${height}" y2="${height + 5}" stroke="${INK}"/><text x="${x}" y="${height + 18}" font-size="11" text-anchor="${anchor}" fill="${INK}">${Number(at.toPrecision(6))}${i === 0 ? ' ms' : ''}</text>`;
  });
}

function describe({ name, begin, end, step }: Frame): string {
  const took = `${(end - begin).toFixed(3)} ms`;
  if (!step) return `${name}: ${took}`;
  const gflops = (step.flopPerSecond / 1e9).toPrecision(3);
  const gigabytes = (step.bytesPerSecond / 1e9).toPrecision(3);
  return `${step.name} (${step.kernel}), ${step.output.join('×')}: ${took}, median ${step.time.median.toFixed(3)} ms, ${gflops} GFLOP/s, ${gigabytes} GB/s, max error ${step.parity.max?.toExponential(1) ?? 'not a number'}`;
}
