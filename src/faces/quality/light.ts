/** How a face is lit, of its crop. */
export interface Light {
  /** Mean luminance, 0 (black) to 1 (white). */
  readonly brightness: number;
  /** Standard deviation of the luminance, 0 to 0.5. */
  readonly contrast: number;
  /** Share of it that is all but black, 0 to 1. */
  readonly dark: number;
  /** Share of it that is all but white, 0 to 1. */
  readonly bright: number;
}

/** Luminances, 0 to 255, up to and from which no more can be told. */
const BLACK = 12;
const WHITE = 245;
/** Of the luminance: what a JPEG adds to a flat surface is no detail. */
const NOISE = 4;

/** @param crop luminances, 0 to 255. */
export function lightOf(crop: Float32Array): Light {
  const { mean, variance } = moments(crop);
  let [dark, bright] = [0, 0];
  for (const value of crop) {
    if (value <= BLACK) dark++;
    if (value >= WHITE) bright++;
  }
  return {
    brightness: mean / 255,
    contrast: Math.sqrt(variance) / 255,
    dark: dark / crop.length,
    bright: bright / crop.length,
  };
}

/**
 * How much of what is in a crop is fine detail: the standard deviation of its Laplacian over that of its
 * luminance, without a unit. It knows neither brightness nor contrast, and a blur of whatever strength
 * lowers it: that takes more from fine detail than from coarse. Noise raises it.
 * @param crop `size` × `size` luminances, 0 to 255.
 */
export function sharpnessOf(crop: Float32Array, size: number): number {
  const inner = size - 2;
  const laplacian = new Float32Array(inner * inner);
  for (let y = 1; y <= inner; y++)
    for (let x = 1; x <= inner; x++) {
      const at = y * size + x;
      const around = crop[at - 1] + crop[at + 1] + crop[at - size] + crop[at + size];
      laplacian[(y - 1) * inner + x - 1] = around - 4 * crop[at];
    }
  return Math.sqrt(moments(laplacian).variance / (moments(crop).variance + NOISE ** 2));
}

function moments(values: Float32Array): { mean: number; variance: number } {
  let [sum, squares] = [0, 0];
  for (const value of values) sum += value;
  const mean = sum / values.length;
  for (const value of values) squares += (value - mean) * (value - mean);
  return { mean, variance: squares / values.length };
}
