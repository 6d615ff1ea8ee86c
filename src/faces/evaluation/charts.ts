import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkLineComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { Html, html } from './html.ts';

/** One axis: what it measures, with its unit, and from where to where. */
export interface Axis {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  /** Powers of ten instead of equal steps; `min` must be positive. */
  readonly log?: boolean;
}

/** Points joined by straight lines in the order given. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** A line to compare with rather than a result. */
  readonly reference?: boolean;
  /** Measurements that have no order: dots instead of a line. */
  readonly dots?: boolean;
}

/** A line chart. */
export interface LinePlot {
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: readonly Curve[];
}

/** How values are distributed: shares of each kind by equal bins of the axis. */
export interface Histogram {
  readonly x: Axis;
  readonly bins: number;
  readonly kinds: readonly { readonly name: string; readonly values: Iterable<number> }[];
  /** Vertical lines with a name. */
  readonly marks?: readonly { readonly name: string; readonly at: number }[];
}

use([LineChart, GridComponent, LegendComponent, MarkLineComponent, SVGRenderer]);

const [WIDTH, HEIGHT] = [520, 380];
// Okabe and Ito's colours, told apart by the colour-blind; dashes do the same on grey paper.
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];
const DASHES = ['solid', [8, 4], [2, 3], [10, 3, 2, 3]];
const INK = '#333';
const GREY = '#888';

/** Draws curves as SVG. On a logarithmic axis points that are not positive have no place and are left out. */
export function linePlot({ x, y, curves }: LinePlot): Html {
  const visible = ([px, py]: readonly [number, number]) => (!x.log || px > 0) && (!y.log || py > 0);
  const results = curves.filter(({ reference }) => !reference);
  return draw(`${y.label} over ${x.label}`, {
    legend: curves.map(({ name }) => name),
    xAxis: axis(x, 'x'),
    yAxis: axis(y, 'y'),
    series: curves.map((curve) => {
      const at = results.indexOf(curve);
      const style = curve.reference
        ? { color: GREY, width: 1, type: [3, 3] }
        : { color: COLOURS[at % COLOURS.length], width: 2, type: DASHES[at % DASHES.length] };
      return {
        type: 'line',
        silent: true,
        name: curve.name,
        symbol: curve.points.length === 1 || curve.dots ? 'circle' : 'none',
        symbolSize: curve.dots ? 6 : undefined,
        data: curve.points.filter(visible),
        lineStyle: curve.dots ? { ...style, width: 0 } : style,
        itemStyle: { color: style.color },
      };
    }),
  });
}

/** Draws distributions over each other as SVG. Values outside of the axis are not counted. */
export function histogram({ x, bins, kinds, marks = [] }: Histogram): Html {
  const width = (x.max - x.min) / bins;
  const shares = kinds.map(({ values }) => {
    const counts = new Array<number>(bins).fill(0);
    let all = 0;
    for (const value of values) {
      all++;
      const bin = Math.min(Math.floor((value - x.min) / width), bins - 1);
      if (value >= x.min && value <= x.max) counts[bin]++;
    }
    return counts.map((count) => (100 * count) / Math.max(1, all));
  });
  const outline = (heights: readonly number[]) => [
    [x.min, 0],
    ...heights.flatMap((height, i) => [
      [x.min + i * width, height],
      [x.min + (i + 1) * width, height],
    ]),
    [x.max, 0],
  ];
  const top = niceTop(Math.max(0, ...shares.flat()));
  return draw(`share of comparisons over ${x.label}`, {
    legend: kinds.map(({ name }) => name),
    xAxis: axis(x, 'x'),
    yAxis: axis({ label: 'share of its kind (%)', min: 0, max: top }, 'y'),
    series: kinds.map(({ name }, i) => ({
      type: 'line',
      silent: true,
      name,
      symbol: 'none',
      data: outline(shares[i]),
      lineStyle: { color: COLOURS[i], width: 1.5, type: DASHES[i] },
      itemStyle: { color: COLOURS[i] },
      areaStyle: { color: COLOURS[i], opacity: 0.2 },
      markLine: i === 0 && marks.length > 0 ? markLine(marks) : undefined,
    })),
  });
}

interface Parts {
  readonly legend: readonly string[];
  readonly xAxis: object;
  readonly yAxis: object;
  readonly series: readonly object[];
}

function draw(label: string, { legend, ...parts }: Parts): Html {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: 'system-ui, sans-serif', color: INK },
      // Without outerBounds: the frame stays where it is put, whatever its labels measure.
      grid: { left: 64, right: 24, top: 40, bottom: 52, outerBoundsMode: 'none' },
      // The dashes tell the curves apart, the dot that a legend puts on them does not.
      legend: {
        data: [...legend],
        top: 4,
        itemWidth: 32,
        itemStyle: { opacity: 0 },
        textStyle: { color: INK },
      },
      ...parts,
    });
    const svg = new Html(chart.renderToSVGString({ useViewBox: true }));
    return html`<div role="img" aria-label="${label}">${svg}</div>`;
  } finally {
    chart.dispose();
  }
}

function axis({ label, min, max, log }: Axis, side: 'x' | 'y'): object {
  return {
    type: log ? 'log' : 'value',
    name: label,
    nameLocation: 'middle',
    nameGap: side === 'x' ? 30 : 44,
    nameTextStyle: { color: INK, fontSize: 13 },
    min,
    max,
    axisLine: { show: true, onZero: false, lineStyle: { color: INK } },
    axisTick: { show: true },
    axisLabel: { color: INK, formatter: (value: number) => String(Number(value.toPrecision(6))) },
    splitLine: { lineStyle: { color: '#e2e2e2' } },
  };
}

function markLine(marks: NonNullable<Histogram['marks']>): object {
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color: INK, width: 1, type: 'solid' },
    data: marks.map(({ name, at }) => ({
      xAxis: at,
      label: { formatter: name, color: INK, position: 'insideEndTop' },
    })),
  };
}

/** The next round number, so that the axis ends at a tick. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 1.5, 2, 3, 5, 10].map((factor) => factor * power).find((top) => top >= value)!;
}
