import { describe, expect, it } from 'vitest';
import type { Face } from '../src/engine/face.ts';
import { blank, crop } from '../src/engine/image/draw.ts';
import type { Image } from '../src/engine/image/image.ts';
import { cropFace, drawFaces, matchedPair } from '../src/faces/folder/pictures.ts';
import { dark, gradient, pixel } from './support/pixels.ts';

const WHITE = [255, 255, 255] as const;
const BLACK = [0, 0, 0] as const;
const RED = [220, 20, 40];

describe('drawFaces', () => {
  const image = blank(300, 300, WHITE);
  const face = faceAt(100, 120, 60, 80);

  it('frames the box, dots the landmarks and leaves the original alone', () => {
    const picture = drawFaces(image, [{ face }]);
    expect(pixel(picture, 99, 119)).toEqual(RED);
    expect(pixel(picture, 160, 200)).toEqual(RED);
    expect(pixel(picture, 100, 120)).toEqual([...WHITE]);
    expect(pixel(picture, 161, 201)).toEqual([...WHITE]);
    for (const [x, y] of Object.values(face.landmarks)) expect(pixel(picture, x, y)).toEqual(RED);
    expect(image.data.every((v) => v === 255)).toBe(true);
  });

  it('thickens the lines with the image', () => {
    const thickness = (side: number) => {
      const large = drawFaces(blank(side, side, WHITE), [{ face }]);
      return Array.from({ length: 20 }, (_, i) => pixel(large, 99 - i, 160)).filter(
        ([, green]) => green === RED[1],
      ).length;
    };
    expect([thickness(300), thickness(600), thickness(1500)]).toEqual([1, 2, 5]);
  });

  it('writes a label above the box, or below it where there is no room', () => {
    const label = (y: number) =>
      rows(drawFaces(image, [{ face: faceAt(100, y, 60, 80), label: 'Ann' }]), 110);
    expect(Math.min(...label(120))).toBeLessThan(105);
    expect(Math.max(...label(120))).toBe(200);
    expect(Math.min(...label(5))).toBe(4);
    expect(Math.max(...label(5))).toBeGreaterThan(95);
  });

  it.each([
    ['at the corner', faceAt(0, 0, 40, 40)],
    ['over the whole image', faceAt(0, 0, 300, 300)],
    ['at the far corner', faceAt(260, 260, 40, 40)],
  ])('keeps a long label inside the image: %s', (_, at) => {
    const label = 'a name far longer than the picture on which it is to be written, twice over';
    const picture = drawFaces(image, [{ face: at, label }]);
    expect(picture.data.length).toBe(image.data.length);
    const bare = drawFaces(image, [{ face: at }]);
    expect(difference(picture, bare)).toBeGreaterThan(300 * 15 * 0.5);
  });

  it('hides no label behind another while there is room', () => {
    const faces = [0, 1, 2, 3].map((i) => faceAt(100 + 15 * i, 120 + 5 * i, 40, 40));
    const drawn = (labels: (string | undefined)[]) =>
      drawFaces(
        image,
        faces.map((face, i) => ({ face, label: labels[i] })),
      );
    const four = drawn(['Somebody', 'Somebody', 'Somebody', 'Somebody']);
    const one = drawn(['Somebody']);
    expect(difference(four, drawn([]))).toBeGreaterThan(3 * difference(one, drawn([])));
  });

  it('survives a picture smaller than its label', () => {
    const small = blank(12, 12, WHITE);
    const picture = drawFaces(small, [{ face: faceAt(0, 0, 12, 12), label: 'Somebody' }]);
    expect(size(picture)).toEqual([12, 12]);
    expect(picture.data).not.toEqual(small.data);
  });

  it('puts the labels of neighbours beside each other, not on top', () => {
    const faces = [faceAt(100, 120, 40, 40), faceAt(120, 125, 40, 40)];
    const picture = drawFaces(
      image,
      faces.map((face) => ({ face, label: 'Somebody' })),
    );
    const above = rows(picture, 105).filter((y) => y < 119);
    const below = rows(picture, 150).filter((y) => y > 166);
    expect(above.length).toBeGreaterThan(10);
    expect(below.length).toBeGreaterThan(10);
  });
});

describe('crops', () => {
  it('a margin is a share of the longer side, clipped to the image', () => {
    const image = gradient(80, 45);
    const face = faceAt(20, 10, 10, 20);
    expect(size(cropFace(image, face, 0))).toEqual([10, 20]);
    expect(pixel(cropFace(image, face, 0), 0, 0)).toEqual(pixel(image, 20, 10));
    expect(size(cropFace(image, face, 0.25))).toEqual([20, 30]);
    expect(pixel(cropFace(image, face, 0.25), 0, 0)).toEqual(pixel(image, 15, 5));
    expect(size(cropFace(image, face, 5))).toEqual([80, 45]);
  });

  it('a rectangle outside the image still gives a pixel', () => {
    expect(size(crop(gradient(8, 8), [100, -100, 5, 5]))).toEqual([1, 1]);
  });

  it('a pair stands side by side over its caption', () => {
    const [red, blue] = [blank(50, 100, [255, 0, 0]), blank(300, 200, [0, 0, 255])];
    const picture = matchedPair(red, blue, 'Ann and Bea, 0.25');
    expect(picture.width).toBe(12 + 100 + 12 + 300 + 12);
    expect(pixel(picture, 12, 12)).toEqual([255, 0, 0]);
    expect(pixel(picture, 111, 211)).toEqual([255, 0, 0]);
    expect(pixel(picture, 124, 12)).toEqual([0, 0, 255]);
    expect(pixel(picture, 118, 100)).toEqual([...WHITE]);
    expect(dark(crop(picture, [0, 212, picture.width, 100]))).toBeGreaterThan(100);
  });

  it('a long caption makes the picture higher, never wider', () => {
    const face = blank(90, 90, BLACK);
    const short = matchedPair(face, face, 'x');
    const long = matchedPair(
      face,
      face,
      'Joe_Biden_(2)_from_the_campaign.jpg and another '.repeat(3),
    );
    expect(long.width).toBe(short.width);
    expect(long.height).toBeGreaterThan(short.height);
  });
});

function faceAt(x: number, y: number, width: number, height: number): Face {
  const at = (u: number, v: number) =>
    [Math.floor(x + u * width), Math.floor(y + v * height)] as const;
  return {
    box: [x, y, width, height],
    confidence: 0.99,
    landmarks: {
      leftEye: at(0.3, 0.4),
      rightEye: at(0.7, 0.4),
      nose: at(0.5, 0.6),
      mouthLeft: at(0.35, 0.8),
      mouthRight: at(0.65, 0.8),
    },
  };
}

function rows(image: Image, x: number): number[] {
  return Array.from({ length: image.height }, (_, y) => y).filter(
    (y) => pixel(image, x, y)[1] < 128,
  );
}

function size({ width, height }: Image): number[] {
  return [width, height];
}

function difference(a: Image, b: Image): number {
  return a.data.reduce((count, v, i) => count + (v === b.data[i] ? 0 : 1), 0);
}
