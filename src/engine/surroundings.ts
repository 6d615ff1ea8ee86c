import { cropMap } from './align.ts';
import type { Face, Point } from './face.ts';
import type { Image } from './image/image.ts';
import { manifests } from './weights/manifest.ts';

/** A rectangle of whole pixels inside an image: x, y of the top left corner, width, height. */
export type Rectangle = readonly [x: number, y: number, width: number, height: number];

/**
 * The part of an image that any embedding model may look at for a face: embedding the face out of
 * that part alone gives the same embedding. Where a model looks beyond the edge of the image, the
 * part ends at that edge, so that the same pixels are repeated.
 */
export function surroundings(face: Face, image: Pick<Image, 'width' | 'height'>): Rectangle {
  const xs: number[] = [];
  const ys: number[] = [];
  for (const { kind, crop } of manifests()) {
    if (kind === 'detector') continue;
    const [x, y, ux, uy, vx, vy] = cropMap(face, crop, 1, 1);
    xs.push(x, x + ux, x + vx, x + ux + vx);
    ys.push(y, y + uy, y + vy, y + uy + vy);
  }
  const [left, right] = span(xs, image.width);
  const [top, bottom] = span(ys, image.height);
  return [left, top, right - left, bottom - top];
}

/** A copy of a part of an image. */
export function cut(image: Image, [x, y, width, height]: Rectangle): Image {
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * 3;
    data.set(image.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { width, height, data };
}

/** A face as seen from another origin: the point of its image that becomes 0, 0. */
export function seenFrom({ box, confidence, landmarks: l }: Face, [x, y]: Point): Face {
  const moved = (point: Point): Point => [point[0] - x, point[1] - y];
  return {
    box: [box[0] - x, box[1] - y, box[2], box[3]],
    confidence,
    landmarks: {
      leftEye: moved(l.leftEye),
      rightEye: moved(l.rightEye),
      nose: moved(l.nose),
      mouthLeft: moved(l.mouthLeft),
      mouthRight: moved(l.mouthRight),
    },
  };
}

// A bilinear sample reads the pixels on both sides of its place; one more on each side covers the
// rounding of the map to f32.
function span(places: readonly number[], size: number): readonly [from: number, to: number] {
  const from = Math.floor(Math.min(...places) - 0.5) - 1;
  const to = Math.floor(Math.max(...places) - 0.5) + 3;
  return [Math.max(0, Math.min(from, size - 1)), Math.max(1, Math.min(to, size))];
}
