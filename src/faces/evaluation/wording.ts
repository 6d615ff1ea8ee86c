import type { About, Speed } from './collect.ts';
import type { Figure } from './figure.ts';

/** A name and its value, for a table. */
export type Row = readonly [name: string, value: string];

/** A share as per cent: `99.10 %`; `–` where there is none. */
export function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${(100 * share).toFixed(2)} %`;
}

/** A share with its interval: `99.10 % (98.42 to 99.61)`. */
export function percentFigure({ value, interval: [low, high] }: Figure): string {
  if (Number.isNaN(value)) return '–';
  return `${percent(value)} (${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)})`;
}

/** What the figures hold for. */
export function aboutRows({ date, model, crop, detection, adapter, fingerprint }: About): Row[] {
  return [
    ['model', model],
    ...(crop ? [['crop', settings(crop)] as const] : []),
    ['detection', settings(detection) || 'by the detector’s defaults'],
    ['adapter', adapter],
    ['date', `${date.slice(0, 16).replace('T', ' ')} UTC`],
    ['fingerprint', fingerprint.slice(0, 16)],
  ];
}

/** How fast it went. */
export function speedRow({ images, imagesPerSecond }: Speed): Row {
  const value =
    imagesPerSecond === null
      ? 'not measured: the cache knew something of every image'
      : `${imagesPerSecond.toFixed(2)} over the ${images} images that the cache did not know`;
  return ['images per second', value];
}

function settings(values: object): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
