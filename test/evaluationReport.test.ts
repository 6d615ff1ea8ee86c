import { DOMParser, onErrorStopParsing } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../src/engine/image/decode.ts';
import { histogram, linePlot } from '../src/faces/evaluation/charts.ts';
import { html } from '../src/faces/evaluation/html.ts';
import { charts, page, pictures, section, table } from '../src/faces/evaluation/report.ts';
import { squares } from './support/doubleEngine.ts';

const EVIL = '<script>alert("1")</script> & \'co\'';

describe('a report', () => {
  it('escapes what is no HTML, wherever it stands', () => {
    const text = page(EVIL, EVIL, [
      section(
        EVIL,
        table({ caption: EVIL, head: [EVIL], rows: [[EVIL, 1, html`<b>${EVIL}</b>`]] }),
      ),
      pictures([{ images: [], caption: EVIL }]),
    ]);
    expect(text).not.toMatch(/<script|"1"/);
    expect(
      text.match(/&#60;script&#62;alert\(&#34;1&#34;\)&#60;\/script&#62; &#38; &#39;co&#39;/g),
    ).toHaveLength(9);
    expect(text).toContain('<b>&#60;');
  });

  it('is well-formed, whole in one file and allows no network', () => {
    const plot = linePlot({
      x: { label: 'a', min: 0, max: 1 },
      y: { label: 'b', min: 0, max: 1 },
      curves: [{ name: 'c', points: [[0, 0]] }],
    });
    const text = page('T', 'L', [section('S', charts([{ chart: plot, caption: 'C' }]))]);
    expect(text).toContain('content="default-src &#39;none&#39;; style-src');
    expect(text).not.toMatch(/(src|href)="(?!data:)/);
    expect(text.replaceAll(/http:\/\/www\.w3\.org/g, '')).not.toMatch(/https?:/);
    wellFormed(text.replace('<!doctype html>', '').replace(/<meta([^>]*)>/g, '<meta$1/>'));
  });

  it('carries pictures inside', async () => {
    const { text } = pictures([{ images: [squares([200, 20, 30])], caption: 'red' }]);
    const uri = /src="data:image\/jpeg;base64,([^"]+)"/.exec(text)![1];
    const image = await decodeImage(Buffer.from(uri, 'base64'));
    expect([image.width, image.height]).toEqual([8, 8]);
    expect(image.data[0]).toBeGreaterThan(180);
  });
});

describe('a line chart', () => {
  const axis = { min: 0, max: 100 };

  it('names both axes and reaches both corners', () => {
    const svg = linePlot({
      x: { label: 'false match rate (%)', ...axis },
      y: { label: 'true match rate (%)', ...axis },
      curves: [
        {
          name: 'ROC',
          points: [
            [0, 0],
            [1, 90],
            [100, 100],
          ],
        },
        {
          name: 'chance',
          points: [
            [0, 0],
            [100, 100],
          ],
          reference: true,
        },
      ],
    }).text;
    expect(svg).toContain('>false match rate (%)<');
    expect(svg).toContain('>true match rate (%)<');
    const [roc, chance] = paths(svg, /stroke="#0072b2"|stroke="#888"/);
    // The plot: x from 64 to 496, y from 40 down to 328.
    expect([roc[0], roc.at(-1)]).toEqual([
      [64, 328],
      [496, 40],
    ]);
    expect([chance[0], chance.at(-1)]).toEqual([
      [64, 328],
      [496, 40],
    ]);
    expect(roc[1][0]).toBeCloseTo(64 + 4.32, 0);
    expect(roc[1][1]).toBeCloseTo(328 - 259.2, 0);
  });

  it('puts powers of ten at equal steps, and leaves zero out', () => {
    const svg = linePlot({
      x: { label: 'x', min: 0.01, max: 100, log: true },
      y: { label: 'y', min: 0.01, max: 100, log: true },
      curves: [
        {
          name: 'DET',
          points: [
            [0, 50],
            [0.01, 100],
            [1, 1],
            [100, 0.01],
            [100, 0],
          ],
        },
      ],
    }).text;
    for (const tick of ['0.01', '0.1', '1', '10', '100']) expect(svg).toContain(`>${tick}<`);
    const [det] = paths(svg, /stroke="#0072b2"/);
    expect(det).toEqual([
      [64, 40],
      [280, 184],
      [496, 328],
    ]);
  });
});

describe('a histogram', () => {
  it('shows the share of each kind in each bin', () => {
    const svg = histogram({
      x: { label: 'cosine distance', min: 0, max: 2 },
      bins: 4,
      kinds: [
        { name: 'genuine', values: [0.1, 0.2, 0.6, 2] },
        { name: 'impostor', values: [1.2, Infinity] },
      ],
      marks: [{ name: 'threshold 0.4', at: 0.4 }],
    }).text;
    expect(svg).toContain('>threshold 0.4<');
    expect(svg).toContain('>share of its kind (%)<');
    const [genuine, impostor] = paths(svg, /stroke="#0072b2"|stroke="#d55e00"/);
    // Of 50 %: two of four in the first bin, one in the second, none, and the end in the last.
    const heights = (points: number[][]) =>
      [118, 226, 334, 442].map((x) => {
        const after = points.findIndex((point) => point[0] > x);
        return (50 * (328 - points[after][1])) / 288;
      });
    expect(heights(genuine).map(Math.round)).toEqual([50, 25, 0, 25]);
    expect(heights(impostor).map(Math.round)).toEqual([0, 0, 50, 0]);
  });
});

function wellFormed(text: string): void {
  new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, 'text/xml');
}

/** The points of the open paths drawn with the stroke inside the frame, which legends are not. */
function paths(svg: string, stroke: RegExp): number[][][] {
  return [...svg.matchAll(/<path d="(M[^"Z]*)"[^>]*>/g)]
    .filter(([tag]) => stroke.test(tag) && / fill="(none|transparent)"/.test(tag))
    .map(([, d]) => [...d.matchAll(/(-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [+x, +y]))
    .filter((points) => points.every(([, y]) => y >= 40));
}
