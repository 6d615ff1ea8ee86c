import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Face, Point } from '../src/engine/face.ts';
import { blank, type Colour } from '../src/engine/image/draw.ts';
import type { Image } from '../src/engine/image/image.ts';
import { drawMask, drawMasks } from '../src/faces/masks/draw.ts';
import { poseOf } from '../src/faces/masks/pose.ts';
import {
  colourText,
  MASK_COVERAGES,
  MASK_KINDS,
  type MaskStyle,
  parseColour,
  styleOf,
} from '../src/faces/masks/style.ts';
import { pixel } from './support/pixels.ts';

const SKIN: Colour = [200, 150, 120];
const GREEN: Colour = [20, 200, 40];

interface Placed {
  readonly yaw?: number;
  readonly roll?: number;
  /** Pixels between the eyes of the frontal face. */
  readonly size?: number;
  readonly at?: Point;
}

/** A face as an orthographic camera sees it: a head of its own, turned about the upright axis, then in the plane. */
function faceAt({ yaw = 0, roll = 0, size = 60, at = [150, 120] }: Placed = {}): Face {
  const place = (x: number, y: number, z: number): Point => {
    const across = size * (x * Math.cos(yaw) + z * Math.sin(yaw));
    const down = size * y;
    return [
      at[0] + across * Math.cos(roll) - down * Math.sin(roll),
      at[1] + across * Math.sin(roll) + down * Math.cos(roll),
    ];
  };
  const landmarks = {
    leftEye: place(-0.5, 0, 0),
    rightEye: place(0.5, 0, 0),
    nose: place(0, 0.6, 0.46),
    mouthLeft: place(-0.4, 1.1, 0.12),
    mouthRight: place(0.4, 1.1, 0.12),
  };
  const corners = [-1, 1].flatMap((x) => [place(x, -0.8, -0.3), place(x, 1.8, -0.3)]);
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [x, y] = [Math.round(Math.min(...xs)), Math.round(Math.min(...ys))];
  return {
    box: [x, y, Math.round(Math.max(...xs)) - x, Math.round(Math.max(...ys)) - y],
    confidence: 1,
    landmarks,
  };
}

function style(over: Partial<MaskStyle> = {}): MaskStyle {
  return { kind: 'surgical', coverage: 'high', colour: GREEN, seed: 7, ...over };
}

/** The pixels that differ. */
function changed(a: Image, b: Image): Point[] {
  const found: Point[] = [];
  for (let y = 0; y < a.height; y++)
    for (let x = 0; x < a.width; x++)
      if (pixel(a, x, y).join() !== pixel(b, x, y).join()) found.push([x, y]);
  return found;
}

/** The pixels that are more mask than skin. */
function covered(image: Image): Point[] {
  const found: Point[] = [];
  for (let y = 0; y < image.height; y++)
    for (let x = 0; x < image.width; x++) {
      const [red, green] = pixel(image, x, y);
      if (green > red) found.push([x, y]);
    }
  return found;
}

const at = (image: Image, [x, y]: Point) => pixel(image, Math.floor(x), Math.floor(y));
const extent = (points: readonly Point[], axis: 0 | 1) => {
  const values = points.map((point) => point[axis]);
  return [Math.min(...values), Math.max(...values)];
};

describe('the pose of a face', () => {
  it('is read off the landmarks: yaw to 45°, any roll', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -45, max: 45, noNaN: true }),
        fc.double({ min: -179, max: 179, noNaN: true }),
        (yaw, roll) => {
          const degrees = 180 / Math.PI;
          const pose = poseOf(faceAt({ yaw: yaw / degrees, roll: roll / degrees }));
          expect(Math.abs(pose.yaw * degrees - yaw)).toBeLessThan(4);
          expect(Math.abs(pose.roll * degrees - roll)).toBeLessThan(4);
          expect(Math.abs(pose.pitch * degrees)).toBeLessThan(8);
        },
      ),
    );
  });

  it('looks up when the nose lies higher between eyes and mouth', () => {
    const face = faceAt();
    const moved = (dy: number): Face => {
      const [x, y] = face.landmarks.nose;
      return { ...face, landmarks: { ...face.landmarks, nose: [x, y + dy] } };
    };
    const [up, straight, down] = [-9, 0, 9].map((dy) => poseOf(moved(dy)).pitch);
    expect(up).toBeGreaterThan(straight + 0.1);
    expect(down).toBeLessThan(straight - 0.1);
  });

  it('puts the model’s eyes and mouth where those of the face are', () => {
    for (const yaw of [-0.7, 0, 0.4]) {
      const face = faceAt({ yaw, roll: 0.3 });
      const { leftEye, rightEye, mouthLeft, mouthRight } = face.landmarks;
      const { project } = poseOf(face);
      const expected = [leftEye, rightEye, middle(mouthLeft, mouthRight)];
      const model = [project([-0.5, 0, 0]), project([0.5, 0, 0]), project([0, 1.1, 0.16])];
      for (const [i, [x, y]] of model.entries())
        expect(Math.hypot(x - expected[i][0], y - expected[i][1])).toBeLessThan(3);
    }
  });
});

describe('drawMask', () => {
  const image = blank(300, 300, SKIN);

  it.each(MASK_KINDS)('%s covers mouth and nose, leaves the eyes and all above them', (kind) => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(...MASK_COVERAGES),
        fc.double({ min: -0.75, max: 0.75, noNaN: true }),
        (seed, coverage, yaw) => {
          const face = faceAt({ yaw });
          const { nose, mouthLeft, mouthRight } = face.landmarks;
          const picture = drawMask(image, face, style({ kind, coverage, seed }));
          const mouth = middle(mouthLeft, mouthRight);
          const over = [mouth, ...(coverage === 'low' ? [] : [nose])];
          for (const point of over) expect(at(picture, point)[1]).toBeGreaterThan(90);
          expect(at(picture, mouth)[0]).toBeLessThan(60);
          expect(extent(changed(image, picture), 1)[0]).toBeGreaterThan(face.landmarks.leftEye[1]);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('is the same drawing for the same seed, another for another, and leaves the original alone', () => {
    const draw = (seed: number) => drawMask(image, faceAt(), style({ kind: 'cloth', seed }));
    expect(draw(1)).toEqual(draw(1));
    expect(changed(draw(1), draw(2)).length).toBeGreaterThan(100);
    expect(image).toEqual(blank(300, 300, SKIN));
  });

  it.each(MASK_KINDS)('%s is as wide on both sides of a frontal face', (kind) => {
    const [left, right] = extent(covered(drawMask(image, faceAt(), style({ kind }))), 0);
    expect(Math.abs(150 - left - (right + 1 - 150))).toBeLessThanOrEqual(4);
    expect(right - left).toBeGreaterThan(80);
  });

  it.each(MASK_KINDS)('%s begins lower with less coverage', (kind) => {
    const drawn = MASK_COVERAGES.map((coverage) =>
      covered(drawMask(image, faceAt(), style({ kind, coverage }))),
    );
    // In the middle: the straps rise to the ears whatever the mask covers.
    const [high, medium, low] = drawn.map(
      (points) =>
        extent(
          points.filter(([x]) => Math.abs(x - 150) < 10),
          1,
        )[0],
    );
    expect(medium).toBeGreaterThan(high + 5);
    expect(low).toBeGreaterThan(medium + 10);
    expect(drawn[0].length).toBeGreaterThan(drawn[1].length);
    expect(drawn[1].length).toBeGreaterThan(drawn[2].length);
  });

  it('is the mirror image for the mirrored yaw, and narrow on the far side', () => {
    const reach = (yaw: number) => {
      const face = faceAt({ yaw });
      const [left, right] = extent(covered(drawMask(image, face, style({ kind: 'round' }))), 0);
      return [face.landmarks.nose[0] - left, right - face.landmarks.nose[0]];
    };
    const [near, far] = reach(0.7);
    const [farMirrored, nearMirrored] = reach(-0.7);
    expect(near).toBeGreaterThan(2 * far);
    expect(Math.abs(near - nearMirrored)).toBeLessThan(6);
    expect(Math.abs(far - farMirrored)).toBeLessThan(6);
  });

  it.each([90, 180, -90, 135])('turns with a face on its side: %s°', (degrees) => {
    const roll = (degrees * Math.PI) / 180;
    const face = faceAt({ roll, at: [150, 150], size: 50 });
    const picture = drawMask(image, face, style());
    const { mouthLeft, mouthRight } = face.landmarks;
    expect(at(picture, middle(mouthLeft, mouthRight))[0]).toBeLessThan(60);
    const above = changed(image, picture).filter(
      ([x, y]) => (y + 0.5 - 150) * Math.cos(roll) - (x + 0.5 - 150) * Math.sin(roll) < 0,
    );
    expect(above).toEqual([]);
    const upright = covered(drawMask(image, faceAt({ size: 50 }), style())).length;
    expect(Math.abs(covered(picture).length / upright - 1)).toBeLessThan(0.05);
  });

  it('survives the borders, faces of a few pixels, and landmarks that fall together', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -80, max: 380 }),
        fc.integer({ min: -80, max: 380 }),
        fc.double({ min: 0.01, max: 200, noNaN: true }),
        fc.constantFrom(...MASK_KINDS),
        (x, y, size, kind) => {
          const picture = drawMask(image, faceAt({ at: [x, y], size }), style({ kind }));
          expect(picture.data.length).toBe(image.data.length);
        },
      ),
      { numRuns: 40 },
    );
    const tiny = drawMask(image, faceAt({ size: 5 }), style());
    expect(covered(tiny).length).toBeGreaterThan(30);
    const point: Point = [150, 150];
    const flat = { leftEye: point, rightEye: point, nose: point, mouthLeft: point };
    const landmarks = { ...flat, mouthRight: point };
    const odd: Face = { box: [130, 130, 40, 50], confidence: 1, landmarks };
    expect(changed(image, drawMask(image, odd, style())).length).toBeGreaterThan(0);
  });

  it('stands in the light of the face: dim, from one side, without colour', () => {
    const white: Colour = [240, 240, 240];
    const face = faceAt();
    const mean = (picture: Image, x: number) => at(picture, [x, 190])[0];
    const lit = (tone: (x: number) => number) => {
      const scene = blank(300, 300, SKIN);
      for (let i = 0; i < scene.data.length; i++)
        scene.data[i] = scene.data[i] * tone(Math.floor(i / 3) % 300);
      return drawMask(scene, face, style({ kind: 'round', colour: white }));
    };
    const [plain, dim, side] = [lit(() => 1), lit(() => 0.4), lit((x) => 1.2 - x / 300)];
    expect(mean(dim, 150)).toBeLessThan(0.7 * mean(plain, 150));
    expect(mean(side, 120)).toBeGreaterThan(mean(side, 180) + 20);
    expect(Math.abs(mean(plain, 120) - mean(plain, 180))).toBeLessThan(12);
    const grey = drawMask(blank(300, 300, [150, 150, 150]), face, style());
    const [red, green, blue] = at(grey, [150, 190]);
    expect([green, blue]).toEqual([red, red]);
  });

  it('masks every face of an image, those in front over those behind', () => {
    const [small, large] = [faceAt({ size: 30, at: [75, 130] }), faceAt({ size: 60 })];
    const [red, green] = [style({ colour: [250, 0, 0] }), style()];
    const alone = { red: drawMask(image, small, red), green: drawMask(image, large, green) };
    const picture = drawMasks(image, [large, small], (face) => (face === large ? green : red));
    const inGreen = covered(alone.green).filter((point) => at(alone.green, point)[0] < 50);

    const inRed = changed(image, alone.red).filter((point) => at(alone.red, point)[1] < 15);
    const both = inRed.filter(([x, y]) => inGreen.some(([i, j]) => i === x && j === y));
    expect(both.length).toBeGreaterThan(20);
    for (const point of both) expect(at(picture, point)[1]).toBeGreaterThan(at(picture, point)[0]);
    expect(at(picture, small.landmarks.mouthLeft)[1]).toBeLessThan(20);
  });
});

describe('styles', () => {
  it('keep what is wished and settle the rest by the seed', () => {
    const wish = { kind: 'n95', coverage: 'low', colour: [1, 2, 3] } as const;
    expect(styleOf(wish, 5)).toEqual({ ...wish, seed: 5 });
    const random = { kind: 'random', coverage: 'random', colour: 'random' } as const;
    expect(styleOf(random, 5)).toEqual(styleOf(random, 5));
    const many = Array.from({ length: 200 }, (_, seed) => styleOf(random, seed));
    expect(new Set(many.map(({ kind }) => kind))).toEqual(new Set(MASK_KINDS));
    expect(new Set(many.map(({ coverage }) => coverage))).toEqual(new Set(MASK_COVERAGES));
    expect(new Set(many.map(({ colour }) => colourText(colour))).size).toBeGreaterThan(5);
    for (const seed of [1, 2, 3])
      expect(styleOf({ ...random, kind: 'cloth' }, seed).colour).toEqual(
        styleOf(random, seed).colour,
      );
  });

  it('read and write colours', () => {
    expect(parseColour('#0a80FF')).toEqual([10, 128, 255]);
    expect(parseColour('#f0a')).toEqual([255, 0, 170]);
    expect(colourText([10, 128, 255])).toBe('#0a80ff');
    expect(parseColour('0a80ff')).toEqual([10, 128, 255]);
    for (const bad of ['red', '#12345', '##aabb', '#gggggg', ''])
      expect(() => parseColour(bad)).toThrow(
        expect.objectContaining({
          code: 'InvalidInput',
          message: expect.stringContaining('#rrggbb'),
        }),
      );
  });
});

function middle([ax, ay]: Point, [bx, by]: Point): Point {
  return [(ax + bx) / 2, (ay + by) / 2];
}
