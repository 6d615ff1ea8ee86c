import { encodeJpeg } from '../../engine/image/encode.ts';
import type { Image } from '../../engine/image/image.ts';
import { type Content, Html, html } from './html.ts';

/** What a table shows: a heading for each column, the first column naming the rows. */
export interface Table {
  readonly caption?: string;
  readonly head: readonly Content[];
  readonly rows: readonly (readonly Content[])[];
}

const STYLE = `
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid #bbb; }
p { max-width: 75ch; } .lead { color: #444; margin-top: 0; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; color: #444; padding-bottom: .25rem; }
th, td { text-align: left; padding: .25rem 1.25rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top; overflow-wrap: anywhere; }
td { font-variant-numeric: tabular-nums; } thead th { border-bottom: 1px solid #777; font-weight: 600; overflow-wrap: normal; } tbody th { font-weight: 400; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); gap: 1rem; }
.pictures { display: grid; gap: 1rem; }
.small { grid-template-columns: repeat(auto-fill, minmax(236px, 1fr)); } .small img { height: 112px; margin-right: 4px; }
.large { grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); } .large img { width: 100%; }
figure { margin: 0; break-inside: avoid; } figcaption { color: #444; font-size: .85rem; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; } }`;

/**
 * A whole document in one file: no script, and the policy in its head lets it fetch nothing.
 * @param lead one sentence under the title.
 */
export function page(title: string, lead: string, sections: readonly Html[]): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<h1>${title}</h1>
<p class="lead">${lead}</p>
${sections}
</body>
</html>
`.text;
}

/** A heading and what belongs under it; nothing when there is nothing. */
export function section(title: string, ...content: readonly Content[]): Html {
  return html`<section>\n<h2>${title}</h2>\n${content}\n</section>\n`;
}

/** A paragraph. */
export function paragraph(...content: readonly Content[]): Html {
  return html`<p>${content}</p>\n`;
}

/** A table with its headings. */
export function table({ caption, head, rows }: Table): Html {
  const title = caption === undefined ? undefined : html`<caption>${caption}</caption>`;
  const cells = ([name, ...values]: readonly Content[]) =>
    html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>\n`;
  return html`<table>${title}
<thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map(cells)}</tbody></table>\n`;
}

/** Charts beside each other as far as they fit, each with what it says under it. */
export function charts(all: readonly { readonly chart: Html; readonly caption: string }[]): Html {
  const figures = all.map(
    ({ chart, caption }) => html`<figure>${chart}<figcaption>${caption}</figcaption></figure>\n`,
  );
  return html`<div class="charts">\n${figures}</div>\n`;
}

/** Groups of pictures (a pair of faces, one face) in rows, each group with a caption; or large pictures. */
export function pictures(
  all: readonly { readonly images: readonly Image[]; readonly caption: Content }[],
  size: 'small' | 'large' = 'small',
): Html {
  const figures = all.map(({ images, caption }) => {
    const shown = images.map((image) => html`<img alt="" src="${dataUri(image)}">`);
    return html`<figure>${shown}<figcaption>${caption}</figcaption></figure>\n`;
  });
  return html`<div class="pictures ${size}">\n${figures}</div>\n`;
}

function dataUri(image: Image): string {
  return `data:image/jpeg;base64,${Buffer.from(encodeJpeg(image, 85)).toString('base64')}`;
}
