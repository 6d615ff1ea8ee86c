import {
  type Corners,
  nms,
  regress,
  type ScoredBox,
  square,
  truncate,
} from '../src/engine/boxes.ts';
import type { Image } from '../src/engine/image/image.ts';
import type { Shape } from '../src/engine/network.ts';
import { proposalBoxes } from '../src/engine/proposalBoxes.ts';
import { pyramid } from '../src/engine/pyramid.ts';
import type { Candidate } from '../src/kernels/candidates.ts';
import { resizeArea } from './resizeArea.ts';

/** Runs one network on another runtime: dense N H W C in, the head's dense values out. */
export type RunNetwork = (x: Float32Array, shape: Shape) => Promise<Float32Array>;

export interface PeerNetworks {
  readonly pnet: RunNetwork;
  readonly rnet: RunNetwork;
  readonly onet: RunNetwork;
}

interface Scored extends ScoredBox {
  readonly row: Float32Array;
}

const THRESHOLDS = [0.6, 0.7, 0.7];

/**
 * The cascade of mtcnn 0.1 with its defaults around three networks run elsewhere; everything else is
 * on the CPU. Returns x, y, width, height and confidence of each face, best first.
 */
export async function peerDetect(image: Image, networks: PeerNetworks): Promise<number[][]> {
  const levels = pyramid(image.width, image.height, 20, 0.709);
  const cells: Candidate[] = [];
  for (const [level, { width, height }] of levels.entries()) {
    const whole = resizeArea(image, [0, 0, image.width, image.height], width, height);
    const head = await networks.pnet(normalised(whole.map(Math.round)), [1, height, width, 3]);
    cells.push(...candidates(head, Math.ceil((width - 2) / 2) - 4, level));
  }
  const first = proposalBoxes(cells, levels).map(truncate).filter(hasArea);
  const refined = await score(image, first, 24, networks.rnet, THRESHOLDS[1]);
  const second = nms(refined, 0.7, 'union')
    .map((i) => truncate(square(regressed(refined[i]))))
    .filter(hasArea);
  const scored = await score(image, second, 48, networks.onet, THRESHOLDS[2]);
  const last = scored.map((box) => ({ corners: regressed(box), score: box.score }));
  return nms(last, 0.7, 'min').map((i) => {
    const [x1, y1, x2, y2] = truncate(last[i].corners);
    const [x, y] = [Math.max(0, x1), Math.max(0, y1)];
    return [x, y, Math.min(image.width, x2) - x, Math.min(image.height, y2) - y, last[i].score];
  });
}

function candidates(head: Float32Array, columns: number, level: number): Candidate[] {
  const found: Candidate[] = [];
  for (let cell = 0; cell * 6 < head.length; cell++) {
    const row = head.subarray(cell * 6, cell * 6 + 6);
    const probability = sigmoid(row[1] - row[0]);
    if (probability < THRESHOLDS[0]) continue;
    const offsets: Corners = [row[2], row[3], row[4], row[5]];
    const [y, x] = [Math.floor(cell / columns), cell % columns];
    found.push({ level, row: y, col: x, score: probability, offsets });
  }
  return found;
}

async function score(
  image: Image,
  boxes: readonly Corners[],
  size: number,
  network: RunNetwork,
  threshold: number,
): Promise<Scored[]> {
  if (boxes.length === 0) return [];
  const length = size * size * 3;
  const x = new Float32Array(boxes.length * length);
  for (const [i, [x1, y1, x2, y2]] of boxes.entries()) {
    const crop = resizeArea(image, [x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1], size, size);
    x.set(normalised(crop), i * length);
  }
  const head = await network(x, [boxes.length, size, size, 3]);
  const width = head.length / boxes.length;
  return boxes
    .map((corners, i) => {
      const row = head.subarray(i * width, (i + 1) * width);
      return { corners, row, score: sigmoid(row[1] - row[0]) };
    })
    .filter((box) => box.score > threshold);
}

function regressed({ corners, row }: Scored): Corners {
  const [x1, y1, x2, y2] = corners;
  return regress(corners, [row[2], row[3], row[4], row[5]], x2 - x1 + 1, y2 - y1 + 1);
}

function normalised(values: Float32Array): Float32Array {
  return values.map((v) => (v - 127.5) / 128);
}

function hasArea([x1, y1, x2, y2]: Corners): boolean {
  return x2 >= x1 && y2 >= y1;
}

function sigmoid(v: number): number {
  return 1 / (1 + Math.exp(-v));
}
