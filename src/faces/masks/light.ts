import type { Face } from '../../engine/face.ts';
import { crop } from '../../engine/image/draw.ts';
import type { Image } from '../../engine/image/image.ts';
import { skin } from './head.ts';
import type { Point3, Pose } from './pose.ts';

/** The light that a face stands in, read off the face itself. */
export interface Light {
  /** Brightness of white paper in it, 1 for 255. */
  readonly exposure: number;
  /** 0 in a black-and-white photograph, in which a mask has no colour either; else 1. */
  readonly saturation: number;
  /** What a surface with this normal (see Pose.turn) gets of it, about 1. */
  shade(normal: Point3): number;
}

interface Sample {
  readonly normal: Point3;
  readonly luminance: number;
}

// Skin that reflects so much is the mean of what photographs show; white paper, what their highlights do.
const SKIN = 150;
const HIGHLIGHT = 215;
// Light mostly comes from above; beards and foreheads hide how much.
const ABOVE = 0.08;

/** The light of a face: how bright, how colourful, and from which side. */
export function lightOn(image: Image, face: Face, pose: Pose): Light {
  const samples = skinSamples(image, pose);
  const mean = average(samples.map(({ luminance }) => luminance)) || SKIN;
  // Eyes, brows and beards are no measure of the light.
  const kept = samples.filter(({ luminance }) => Math.abs(luminance / mean - 1) < 0.5);
  const side = slope(kept) / mean;
  const { brightest, chroma } = surroundings(image, face);
  return {
    exposure: clamp(0.5 * (mean / SKIN) + 0.5 * (brightest / HIGHLIGHT), 0.25, 1.05),
    saturation: clamp((chroma - 3) / 5, 0, 1),
    shade: ([x, y, z]) =>
      clamp((0.8 + 0.2 * Math.max(0, z)) * (1.04 + side * x - ABOVE * y), 0.35, 1.35),
  };
}

function skinSamples(image: Image, pose: Pose): Sample[] {
  const samples: Sample[] = [];
  for (let angle = -1; angle <= 1; angle += 0.1)
    for (let y = -0.4; y <= 1.5; y += 0.1) {
      const normal = pose.turn([Math.sin(angle), 0.25 * (y - 0.5), Math.cos(angle)]);
      if (normal[2] < 0.3) continue;
      const [px, py] = pose.project(skin(angle, y)).map(Math.floor);
      if (px < 0 || py < 0 || px >= image.width || py >= image.height) continue;
      samples.push({ normal, luminance: luminanceAt(image, (py * image.width + px) * 3) });
    }
  return samples;
}

/** How luminance grows from a surface that faces left to one that faces right. */
function slope(samples: readonly Sample[]): number {
  const centre = average(samples.map(({ normal: [x] }) => x));
  const mean = average(samples.map(({ luminance }) => luminance));
  let [covariance, variance] = [0, 1];
  for (const {
    normal: [x],
    luminance,
  } of samples) {
    covariance += (x - centre) * (luminance - mean);
    variance += (x - centre) ** 2;
  }
  return covariance / variance;
}

function surroundings(image: Image, { box: [x, y, w, h] }: Face) {
  const { data } = crop(image, [x - w / 5, y - h / 5, w * 1.4, h * 1.4]);
  const luminances = new Float64Array(data.length / 3);
  let chroma = 0;
  for (let i = 0; i < luminances.length; i++) {
    luminances[i] = luminanceAt({ data }, i * 3);
    chroma += Math.abs(data[i * 3] - data[i * 3 + 1]) + Math.abs(data[i * 3 + 1] - data[i * 3 + 2]);
  }
  luminances.sort();
  return {
    brightest: luminances[Math.floor(0.95 * (luminances.length - 1))],
    chroma: chroma / luminances.length,
  };
}

function luminanceAt({ data }: Pick<Image, 'data'>, at: number): number {
  return 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
