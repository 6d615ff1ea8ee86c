import { MAP_FLOATS } from '../kernels/warp.ts';
import type { Face } from './face.ts';

/** How a model wants its faces cut. */
export interface Crop {
  /** Added on each side of the box, as a fraction of its longer side. */
  readonly margin: number;
  /** Widen the shorter side to a square instead of stretching the crop. */
  readonly square: boolean;
  /** Turn the crop so that the eyes are level. */
  readonly align: boolean;
}

/**
 * The affine map (see warp.wgsl) from an output of `height` × `width` pixels to the region of the
 * image that a model wants to see of a face.
 */
export function cropMap(face: Face, crop: Crop, height: number, width: number): Float32Array {
  const [x, y, w, h] = face.box;
  const margin = crop.margin * Math.max(w, h);
  let [spanX, spanY] = [w + 2 * margin, h + 2 * margin];
  if (crop.square) spanX = spanY = Math.max(spanX, spanY);
  const angle = crop.align ? roll(face) : 0;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const u = [(cos * spanX) / width, (sin * spanX) / width];
  const v = [(-sin * spanY) / height, (cos * spanY) / height];
  const originX = x + w / 2 - (u[0] * width + v[0] * height) / 2;
  const originY = y + h / 2 - (u[1] * width + v[1] * height) / 2;
  const map = new Float32Array(MAP_FLOATS);
  map.set([originX, originY, ...u, ...v]);
  return map;
}

/** Angle of the line through the eyes in radians, clockwise as seen. */
export function roll({ landmarks: { leftEye, rightEye } }: Face): number {
  return Math.atan2(rightEye[1] - leftEye[1], rightEye[0] - leftEye[0]);
}
