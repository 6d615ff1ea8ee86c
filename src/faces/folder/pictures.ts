import type { Face } from '../../engine/face.ts';
import {
  blank,
  type Colour,
  crop,
  fillRectangle,
  paste,
  type Rectangle,
  strokeLines,
  strokeRectangle,
} from '../../engine/image/draw.ts';
import type { Image } from '../../engine/image/image.ts';
import { resize } from '../../engine/image/resize.ts';
import { drawText, textWidth, wrapText } from '../../engine/image/text.ts';

/** A face to draw, and what to write beside it. */
export interface LabelledFace {
  readonly face: Face;
  readonly label?: string;
}

const RED: Colour = [220, 20, 40];
const WHITE: Colour = [255, 255, 255];
const INK: Colour = [30, 30, 30];

/** A copy of the image with red boxes, the five landmarks as dots, and the labels, all scaled to the image. */
export function drawFaces(image: Image, faces: readonly LabelledFace[]): Image {
  const picture = { ...image, data: image.data.slice() };
  const side = Math.min(image.width, image.height);
  const thickness = Math.max(1, Math.round(side / 300));
  for (const { face } of faces) {
    strokeRectangle(picture, face.box, thickness, RED);
    const radius = Math.min(Math.max(1.2, face.box[2] / 40), thickness * 2);
    for (const [x, y] of Object.values(face.landmarks)) {
      const dot = [x + 0.5, y + 0.5, x + 0.5, y + 0.5];
      strokeLines(picture, [dot], radius * 1.5, WHITE);
      strokeLines(picture, [dot], radius, RED);
    }
  }
  // After all the boxes, so that no line of a neighbour crosses a name.
  const boxes = faces.map(({ face }) => face.box);
  const labels: Rectangle[] = [];
  for (const { face, label } of faces) {
    if (label) labels.push(drawLabel(picture, face.box, label, thickness, boxes, labels));
  }
  return picture;
}

/**
 * The face cut out of the image.
 * @param margin added on each side, as a share of the box's longer side; what lies outside the image is left out.
 */
export function cropFace(image: Image, face: Face, margin: number): Image {
  const [x, y, width, height] = face.box;
  const more = margin * Math.max(width, height);
  return crop(image, [x - more, y - more, width + 2 * more, height + 2 * more]);
}

/** Two crops side by side at the same height on white, with the caption under them. */
export function matchedPair(a: Image, b: Image, caption: string): Image {
  const height = Math.min(Math.max(a.height, b.height, 192), 384);
  const [left, right] = [a, b].map((image) =>
    resize(image, Math.max(1, Math.round((image.width * height) / image.height)), height),
  );
  const gap = 12;
  const size = 13;
  const width = gap + left.width + gap + right.width + gap;
  const lines = wrapText(caption, width - 2 * gap, size);
  const leading = size * 2;
  const picture = blank(width, gap + height + gap + lines.length * leading, WHITE);
  paste(picture, left, gap, gap);
  paste(picture, right, gap + left.width + gap, gap);
  lines.forEach((line, i) => {
    const x = (width - textWidth(line, size)) / 2;
    drawText(picture, line, x, gap + height + gap + i * leading, size, INK);
  });
  return picture;
}

function drawLabel(
  picture: Image,
  box: Rectangle,
  label: string,
  thickness: number,
  boxes: readonly Rectangle[],
  labels: readonly Rectangle[],
): Rectangle {
  const size = Math.max(9, Math.round(Math.min(picture.width, picture.height) / 60));
  const pad = Math.round(size / 2);
  const text = shorten(label, picture.width - 2 * pad, size);
  const width = Math.ceil(textWidth(text, size)) + 2 * pad;
  const height = size + 2 * pad;
  const [x, y, w, h] = box;
  const within = (v: number) => Math.max(0, Math.min(v, picture.width - width));
  const [left, right] = [within(x - thickness), within(x + w + thickness - width)];
  const [above, below] = [y - thickness - height, y + h + thickness];
  const lowest = Math.max(0, picture.height - height);
  const inside = [y, y + h - height].map((top) => Math.max(0, Math.min(top, lowest)));
  // Best first; inside the box only where the rest lies outside the picture or would hide more.
  const places = [above, below]
    .filter((top) => top >= 0 && top <= lowest)
    .concat(inside)
    .flatMap((top): Rectangle[] => [
      [left, top, width, height],
      [right, top, width, height],
    ]);
  const hidden = (place: Rectangle) =>
    sum(boxes.map((other) => overlap(place, other))) +
    sum(labels.map((other) => 4 * overlap(place, other)));
  const place = places.reduce((best, next) => (hidden(next) < hidden(best) ? next : best));
  fillRectangle(picture, place, RED);
  drawText(picture, text, place[0] + pad, place[1] + pad, size, WHITE);
  return place;
}

function shorten(label: string, width: number, size: number): string {
  if (textWidth(label, size) <= width) return label;
  const letters = [...label];
  while (letters.length > 0 && textWidth(`${letters.join('')}…`, size) > width) letters.pop();
  return `${letters.join('')}…`;
}

function overlap([ax, ay, aw, ah]: Rectangle, [bx, by, bw, bh]: Rectangle): number {
  const width = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  const height = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  return Math.max(0, width) * Math.max(0, height);
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
