import { type Crop, cropMap, roll } from '../src/engine/align.ts';
import type { Face } from '../src/engine/face.ts';
import type { Image } from '../src/engine/image/image.ts';
import { networksOf } from '../src/engine/weights/layersOf.ts';
import { loadWeights } from '../src/engine/weights/load.ts';
import { manifest } from '../src/engine/weights/manifest.ts';
import { openPeer } from './peer.ts';

/** One L2-normalised embedding of one face. */
export type Embed = (image: Image, face: Face) => Promise<Float32Array>;

/** A way to cut faces. */
export interface Lever {
  readonly name: string;
  readonly crop?: Partial<Crop>;
  /** What is cut instead of the box that the detector found. */
  readonly box?: (face: Face) => Face['box'];
  /** Grey whatever lies farther below the eyes than this, in distances between the eyes. */
  readonly greyBelow?: number;
}

export const LEVERS: readonly Lever[] = [
  { name: 'as shipped' },
  ...[0, 0.1, 0.3].map((margin) => ({ name: `margin ${margin}`, crop: { margin } })),
  { name: 'not turned', crop: { align: false } },
  { name: 'box by the eyes only', box: boxByEyes },
  { name: 'grey below 0.9', greyBelow: 0.9 },
  { name: 'grey below 0.4', greyBelow: 0.4 },
  { name: 'upper 60 % of the box', box: ({ box: [x, y, w, h] }) => [x, y, w, 0.6 * h] },
];

// In distances between the eyes, medians of 947 faces of LFW.
const BOX = { width: 2.21, height: 2.95, below: 0.32 };

const MODEL = 'facenet-vggface2';

/** The embedder on onnxruntime with each lever's crops. */
export async function openLevers(): Promise<{
  embed(lever: Lever): Embed;
  close(): Promise<void>;
}> {
  const model = manifest(MODEL);
  const { height, width, order, mean, scale } = model.input;
  const [network] = networksOf(model.network, false);
  const peer = await openPeer('cpu', network, await loadWeights(MODEL));
  return {
    embed(lever) {
      return async (image, face) => {
        const cut = lever.box ? { ...face, box: lever.box(face) } : face;
        const map = cropMap(cut, { ...model.crop, ...lever.crop }, height, width);
        const x = cutOut(image, map, height, width, order);
        if (lever.greyBelow !== undefined) greyBelow(x, width, map, face, lever.greyBelow);
        const normalised = x.map((value, i) => (value - mean[i % 3]) * scale);
        return (await peer.run(normalised, [1, height, width, 3])).slice();
      };
    },
    close: () => peer.close(),
  };
}

/** The box that the mean face would have about these eyes. */
function boxByEyes({ landmarks: { leftEye, rightEye } }: Face): Face['box'] {
  const eyes = Math.hypot(rightEye[0] - leftEye[0], rightEye[1] - leftEye[1]);
  const [w, h] = [BOX.width * eyes, BOX.height * eyes];
  const [x, y] = [(leftEye[0] + rightEye[0]) / 2, (leftEye[1] + rightEye[1]) / 2];
  return [x - w / 2, y + BOX.below * eyes - h / 2, w, h];
}

function greyBelow(
  x: Float32Array,
  width: number,
  [ox, oy, ux, uy, vx, vy]: Float32Array,
  face: Face,
  limit: number,
): void {
  const { leftEye, rightEye } = face.landmarks;
  const eyes = Math.hypot(rightEye[0] - leftEye[0], rightEye[1] - leftEye[1]);
  const angle = roll(face);
  for (let pixel = 0; pixel * 3 < x.length; pixel++) {
    const [column, row] = [(pixel % width) + 0.5, Math.floor(pixel / width) + 0.5];
    const dx = ox + ux * column + vx * row - (leftEye[0] + rightEye[0]) / 2;
    const dy = oy + uy * column + vy * row - (leftEye[1] + rightEye[1]) / 2;
    if (dy * Math.cos(angle) - dx * Math.sin(angle) > limit * eyes)
      x.fill(127.5, pixel * 3, pixel * 3 + 3);
  }
}

/** The crop, bilinear, four samples a pixel, 8-bit scale; what lies outside of the image is its border. */
function cutOut(
  { width, height, data }: Image,
  [ox, oy, ux, uy, vx, vy]: Float32Array,
  rows: number,
  columns: number,
  order: 'RGB' | 'BGR',
): Float32Array {
  const out = new Float32Array(rows * columns * 3);
  for (let i = 0; i < rows * columns * 4; i++) {
    const pixel = i >> 2;
    const s = (pixel % columns) + 0.25 + 0.5 * (i & 1);
    const t = Math.floor(pixel / columns) + 0.25 + 0.25 * (i & 2);
    const x = Math.min(Math.max(ox + s * ux + t * vx - 0.5, 0), width - 1.001);
    const y = Math.min(Math.max(oy + s * uy + t * vy - 0.5, 0), height - 1.001);
    const at = (Math.floor(y) * width + Math.floor(x)) * 3;
    const fx = x - Math.floor(x);
    const fy = y - Math.floor(y);
    for (let c = 0; c < 3; c++) {
      const from = at + (order === 'RGB' ? c : 2 - c);
      const top = data[from] + fx * (data[from + 3] - data[from]);
      const below = from + width * 3;
      const bottom = data[below] + fx * (data[below + 3] - data[below]);
      out[pixel * 3 + c] += (top + fy * (bottom - top)) / 4;
    }
  }
  return out;
}
