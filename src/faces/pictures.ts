import type { Face } from '../engine/face.ts';
import {
  blank,
  type Colour,
  crop,
  fillRectangle,
  paste,
  type Rectangle,
  strokeLines,
  strokeRectangle,
} from '../engine/image/draw.ts';
import type { Image } from '../engine/image/image.ts';
import { resize } from '../engine/image/resize.ts';
import { drawText, textWidth, wrapText } from '../engine/image/text.ts';

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
  const taken: Rectangle[] = faces.map(({ face }) => face.box);
  for (const { face, label } of faces) {
    if (label) taken.push(drawLabel(picture, face.box, label, thickness, taken));
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
  taken: readonly Rectangle[],
): Rectangle {
  const size = Math.max(9, Math.round(Math.min(picture.width, picture.height) / 50));
  const pad = Math.round(size / 2);
  const text = shorten(label, picture.width - 2 * pad, size);
  const width = Math.ceil(textWidth(text, size)) + 2 * pad;
  const height = size + 2 * pad;
  const [x, y] = box;
  const left = Math.max(0, Math.min(x - thickness, picture.width - width));
  const above: Rectangle = [left, y - thickness - height, width, height];
  const below: Rectangle = [left, y + box[3] + thickness, width, height];
  const inside: Rectangle = [left, Math.max(0, y), width, height];
  const place =
    [above, below].find((r) => fits(r, picture) && !taken.some((t) => overlap(r, t))) ??
    [above, below].find((r) => fits(r, picture)) ??
    inside;
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

function fits([, y, , height]: Rectangle, picture: Image): boolean {
  return y >= 0 && y + height <= picture.height;
}

function overlap([ax, ay, aw, ah]: Rectangle, [bx, by, bw, bh]: Rectangle): boolean {
  return ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah;
}
