import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Face, Landmarks, Point } from '../src/engine/face.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { resize } from '../src/engine/image/resize.ts';
import { cut, seenFrom, surroundings } from '../src/engine/surroundings.ts';
import { luminanceCrop } from '../src/faces/quality/crop.ts';
import {
  checkedLimits,
  completeLimits,
  LIMIT_NAMES,
  LIMITS,
  qualityFailure,
  refusalsOf,
} from '../src/faces/quality/limits.ts';
import { FACE_MODEL, poseOf } from '../src/faces/quality/pose.ts';
import { measureQuality, type Quality } from '../src/faces/quality/quality.ts';
import { scoreOf } from '../src/faces/quality/score.ts';

const DEMO = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
  'demo',
);

// As MTCNN finds them in sample1.jpg and sample5.jpg.
const UPRIGHT: Face = {
  box: [404, 353, 192, 244],
  confidence: 0.999999,
  landmarks: {
    leftEye: [436.9, 460.67],
    rightEye: [517.12, 459.35],
    nose: [461.9, 512.46],
    mouthLeft: [444.64, 545.34],
    mouthRight: [521.45, 542.1],
  },
};
const TURNED: Face = {
  box: [594, 421, 175, 241],
  confidence: 0.9999642,
  landmarks: {
    leftEye: [680.55, 513.43],
    rightEye: [750.51, 513.58],
    nose: [741.45, 563.64],
    mouthLeft: [687.94, 608.49],
    mouthRight: [744.06, 604.1],
  },
};

describe('pose', () => {
  const angles = fc.record({
    yaw: fc.double({ min: -70, max: 70, noNaN: true }),
    pitch: fc.double({ min: -45, max: 45, noNaN: true }),
    roll: fc.double({ min: -175, max: 175, noNaN: true }),
    scale: fc.double({ min: 5, max: 500, noNaN: true }),
    x: fc.double({ min: -1000, max: 3000, noNaN: true }),
  });

  it('is read off a projected face, however it is turned, tilted, scaled and placed', () => {
    fc.assert(
      fc.property(angles, ({ yaw, pitch, roll, scale, x }) => {
        const found = poseOf(turned(yaw, pitch, roll, { scale, x }));
        expect(found.yaw).toBeCloseTo(yaw, 0);
        expect(found.pitch).toBeCloseTo(pitch, 0);
        expect(found.roll).toBeCloseTo(roll, 0);
        expect(found.eyes / scale).toBeCloseTo(1, 2);
      }),
    );
  });

  it('stays within some degrees under perspective and with landmarks a few pixels off', () => {
    for (const yaw of [-45, -20, 0, 20, 45])
      for (const pitch of [-25, 0, 25]) {
        const place = { scale: 60, distance: 10 };
        const { leftEye, ...rest } = turned(yaw, pitch, 10, place);
        const found = poseOf({ ...rest, leftEye: [leftEye[0] + 1.5, leftEye[1] - 1.5] });
        expect(Math.abs(found.yaw - yaw)).toBeLessThan(8);
        expect(Math.abs(found.pitch - pitch)).toBeLessThan(8);
        expect(Math.abs(found.roll - 10)).toBeLessThan(5);
      }
  });

  it('has the signs that it says', () => {
    const { nose, leftEye, rightEye } = turned(30, 0, 0);
    expect(nose[0]).toBeGreaterThan((leftEye[0] + rightEye[0]) / 2);
    expect(turned(0, 20, 0).nose[1]).toBeLessThan(turned(0, 0, 0).nose[1]);
    const tilted = turned(0, 0, 20);
    expect(tilted.rightEye[1]).toBeGreaterThan(tilted.leftEye[1]);
    // A head that turns to the right of the photograph, by its nose.
    expect(poseOf(TURNED.landmarks).yaw).toBeGreaterThan(20);
    expect(poseOf(UPRIGHT.landmarks).yaw).toBeLessThan(-10);
  });

  it('is mirrored with the picture: yaw and roll change their sign, pitch stays', () => {
    for (const { landmarks } of [UPRIGHT, TURNED]) {
      const [seen, mirrored] = [poseOf(landmarks), poseOf(mirror(landmarks, 1920))];
      expect(mirrored.yaw).toBeCloseTo(-seen.yaw, 1);
      expect(mirrored.roll).toBeCloseTo(-seen.roll, 1);
      expect(mirrored.pitch).toBeCloseTo(seen.pitch, 1);
    }
  });

  it('of a turned picture differs by the roll alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: -170, max: 170 }), (angle) => {
        const seen = poseOf(TURNED.landmarks);
        const found = poseOf(map(TURNED.landmarks, (point) => rotate(point, angle)));
        expect(found.yaw).toBeCloseTo(seen.yaw, 1);
        expect(found.pitch).toBeCloseTo(seen.pitch, 1);
        const difference = (found.roll - seen.roll - angle + 900) % 360;
        expect(difference).toBeCloseTo(180, 1);
      }),
    );
  });

  it('is a number even when all landmarks are one', () => {
    const point: Point = [3, 4];
    for (const value of Object.values(poseOf(map(UPRIGHT.landmarks, () => point))).flat())
      expect(value).not.toBeNaN();
  });
});

describe('quality of a face', () => {
  let upright: Image;
  let turnedAway: Image;

  beforeAll(async () => {
    upright = await decodeImage(await readFile(join(DEMO, 'sample1.jpg')));
    turnedAway = await decodeImage(await readFile(join(DEMO, 'sample5.jpg')));
  });
  afterAll(() => closeDecoder());

  it('of two good photographs passes the standard limits', () => {
    for (const [image, face] of [
      [upright, UPRIGHT],
      [turnedAway, TURNED],
    ] as const) {
      const quality = measureQuality(image, face);
      expect(refusalsOf(quality, null)).toEqual([]);
      expect(quality.score).toBeGreaterThan(0.5);
      expect(quality.outside).toBe(0);
    }
    expect(measureQuality(upright, UPRIGHT).size).toBe(192);
  });

  it('loses sharpness and score with every step of blur', () => {
    for (const [image, face] of [
      [upright, UPRIGHT],
      [turnedAway, TURNED],
    ] as const) {
      const [part, inPart] = partOf(image, face);
      const blurred = [0, 1, 2, 4, 8].map((radius) => measureQuality(blur(part, radius), inPart));
      for (const [i, { sharpness, score }] of blurred.slice(1).entries()) {
        expect(sharpness).toBeLessThan(blurred[i].sharpness);
        expect(score).toBeLessThanOrEqual(blurred[i].score);
      }
      expect(blurred.at(-1)!.score).toBeLessThan(0.05);
      expect(refusalsOf(blurred.at(-1)!, null).map(({ code }) => code)).toContain('FaceTooBlurry');
    }
  });

  it('hardly changes when the photograph is scaled, down to 70 pixels and up', () => {
    for (const [image, face] of [
      [upright, UPRIGHT],
      [turnedAway, TURNED],
    ] as const) {
      const [part, inPart] = partOf(image, face);
      const whole = measureQuality(part, inPart);
      for (const share of [2.7, 1.6, 0.8, 0.6, 0.45]) {
        const [width, height] = [part.width, part.height].map((side) => Math.round(side * share));
        const scaled = measureQuality(resize(part, width, height), {
          ...inPart,
          landmarks: map(inPart.landmarks, ([x, y]) => [
            (x * width) / part.width,
            (y * height) / part.height,
          ]),
        });
        expect(Math.abs(scaled.sharpness / whole.sharpness - 1)).toBeLessThan(0.25);
        for (const measure of ['brightness', 'contrast', 'dark', 'bright'] as const)
          expect(Math.abs(scaled[measure] - whole[measure])).toBeLessThan(0.02);
      }
    }
  });

  it('does not take light or contrast for sharpness', () => {
    const [part, inPart] = partOf(upright, UPRIGHT);
    const plain = measureQuality(part, inPart);
    const dim = measureQuality(toned(part, 0.5, 0), inPart);
    const pale = measureQuality(toned(part, 0.5, 120), inPart);
    for (const { sharpness } of [dim, pale])
      expect(Math.abs(sharpness / plain.sharpness - 1)).toBeLessThan(0.06);
    expect(dim.brightness).toBeCloseTo(plain.brightness / 2, 2);
    expect(dim.contrast).toBeCloseTo(plain.contrast / 2, 2);
    expect(pale.brightness).toBeCloseTo(plain.brightness / 2 + 120 / 255, 2);
  });

  it('sees what is clipped', () => {
    const [part, inPart] = partOf(upright, UPRIGHT);
    const night = measureQuality(toned(part, 1, -400), inPart);
    expect([night.dark, night.brightness, night.contrast, night.sharpness]).toEqual([1, 0, 0, 0]);
    const glare = measureQuality(toned(part, 1, 400), inPart);
    expect([glare.bright, glare.brightness]).toEqual([1, 1]);
    const codes = (quality: Quality) => refusalsOf(quality, null).map(({ code }) => code);
    expect(codes(night)).toEqual(
      expect.arrayContaining(['FaceTooDark', 'LowContrast', 'FaceTooBlurry', 'QualityTooLow']),
    );
    expect(codes(glare)).toContain('FaceOverexposed');
  });

  it('is the same in the pixels that a token keeps', () => {
    const region = surroundings(UPRIGHT, upright);
    const kept = cut(upright, region);
    const [whole, part] = [
      measureQuality(upright, UPRIGHT),
      measureQuality(kept, seenFrom(UPRIGHT, [region[0], region[1]])),
    ];
    for (const [measure, value] of Object.entries(whole))
      expect(part[measure as keyof Quality]).toBeCloseTo(value, 9);
  });

  it('counts the landmarks outside of the box', () => {
    const face: Face = { ...UPRIGHT, box: [404, 480, 192, 120] };
    const quality = measureQuality(upright, face);
    expect(quality.outside).toBe(2);
    expect(refusalsOf(quality, null)[0]).toMatchObject({
      code: 'LandmarksOutside',
      value: 2,
      limit: 0,
    });
  });
});

describe('the crop that is measured', () => {
  it('is the square that is asked for, turned upright', () => {
    // Brightness grows along a line 30° below the horizon; in a square turned by 30° only to the right.
    const [width, height, angle] = [200, 160, 30];
    const [dx, dy] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < width * height; i++)
      data.fill(
        Math.round(30 + ((i % width) * dx + Math.floor(i / width) * dy) * 0.7),
        i * 3,
        i * 3 + 3,
      );
    const centre: Point = [90.5, 70.5];
    for (const side of [16, 40, 90]) {
      const crop = luminanceCrop({ width, height, data }, { centre, side, angle }, 16);
      const middle = 30 + (90 * dx + 70 * dy) * 0.7;
      for (let i = 0; i < 256; i++) {
        const along = ((i % 16) - 7.5) * (side / 16) * 0.7;
        expect(Math.abs(crop[i] - middle - along)).toBeLessThan(1);
      }
    }
  });

  it('has the luminance of the colours', () => {
    const data = Uint8Array.from({ length: 100 * 3 }, (_, i) => [200, 100, 50][i % 3]);
    const square = { centre: [5, 5], side: 30, angle: 0 } as const;
    const crop = luminanceCrop({ width: 10, height: 10, data }, square, 4);
    for (const value of crop) expect(value).toBeCloseTo(0.299 * 200 + 0.587 * 100 + 0.114 * 50, 3);
  });
});

describe('score and limits', () => {
  const GOOD: Quality = {
    size: 100,
    sharpness: 0.5,
    yaw: 0,
    pitch: 0,
    roll: 0,
    brightness: 0.5,
    contrast: 0.15,
    dark: 0,
    bright: 0,
    outside: 0,
    confidence: 1,
    score: 1,
  };
  // For each limit a value just beyond its standard.
  const beyond = (name: (typeof LIMIT_NAMES)[number]) => {
    const { bound, standard } = LIMITS[name];
    return bound === 'min' ? standard - 0.01 : standard + (name === 'maxOutside' ? 1 : 0.01);
  };

  it('score a face without fault 1, and less for each measure that is worse', () => {
    expect(scoreOf(GOOD)).toBe(1);
    // By hand: 1 − (45/75)² to the power of a half, and 1 − (25/50)².
    expect(scoreOf({ ...GOOD, yaw: -45 })).toBeCloseTo(0.8, 10);
    expect(scoreOf({ ...GOOD, pitch: 25 })).toBeCloseTo(0.75, 10);
    expect(scoreOf({ ...GOOD, sharpness: 0.225 })).toBeCloseTo(0.5, 10);
    expect(scoreOf({ ...GOOD, yaw: 45, pitch: -25, sharpness: 0.225 })).toBeCloseTo(0.3, 10);
    for (const name of LIMIT_NAMES.filter((n) => n !== 'minScore')) {
      const worse = { ...GOOD, [LIMITS[name].measure]: beyond(name) };
      expect(scoreOf(worse)).toBeLessThan(1);
      expect(scoreOf(worse)).toBeGreaterThanOrEqual(0);
    }
  });

  it.each(LIMIT_NAMES)('%s refuses what is beyond it, and a gallery can move it', (name) => {
    const { measure, code, standard, range, bound } = LIMITS[name];
    const value = beyond(name);
    const sign = measure === 'yaw' ? -1 : 1;
    const quality = { ...GOOD, [measure]: sign * value };
    const refusal = { code, limitName: name, measure, value, limit: standard };
    expect(refusalsOf({ ...GOOD, [measure]: standard }, null)).toEqual([]);
    expect(refusalsOf(quality, null)).toEqual([refusal]);
    expect(refusalsOf(quality, { [name]: null })).toEqual([refusal]);
    expect(refusalsOf(quality, { [name]: bound === 'min' ? range[0] : range[1] })).toEqual([]);
    const failure = qualityFailure(refusal);
    expect(failure.code).toBe(code);
    expect(failure.details).toMatchObject({ value, limit: standard });
    expect(failure.message).toContain(String(standard));
    expect(completeLimits({ [name]: range[0] })[name]).toBe(range[0]);
  });

  it('takes limits within their ranges only', () => {
    expect(checkedLimits({ maxYaw: 90, minScore: null })).toEqual({ maxYaw: 90, minScore: null });
    expect(() => checkedLimits({ maxYaw: 91 })).toThrow('maxYaw is 91: give 0 to 90');
    expect(() => checkedLimits({ minScore: Number.NaN })).toThrow('minScore');
  });
});

/** The face model as a camera sees it: independent of how `poseOf` goes about it. */
function turned(
  yaw: number,
  pitch: number,
  roll: number,
  { scale = 40, x = 0, distance = Infinity } = {},
): Landmarks {
  const [a, b, c] = [yaw, pitch, roll].map((angle) => (angle * Math.PI) / 180);
  const turn = [
    [Math.cos(a), 0, Math.sin(a)],
    [0, 1, 0],
    [-Math.sin(a), 0, Math.cos(a)],
  ];
  const raise = [
    [1, 0, 0],
    [0, Math.cos(b), -Math.sin(b)],
    [0, Math.sin(b), Math.cos(b)],
  ];
  const tilt = [
    [Math.cos(c), -Math.sin(c), 0],
    [Math.sin(c), Math.cos(c), 0],
    [0, 0, 1],
  ];
  const points = FACE_MODEL.map((point) => {
    const [px, py, pz] = [turn, raise, tilt].reduce<readonly number[]>(
      (p, matrix) => matrix.map((row) => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]),
      point,
    );
    const nearer = distance === Infinity ? 1 : distance / (distance - pz);
    return [x + px * scale * nearer, 100 + py * scale * nearer] as const;
  });
  const [leftEye, rightEye, nose, mouthLeft, mouthRight] = points;
  return { leftEye, rightEye, nose, mouthLeft, mouthRight };
}

function map(landmarks: Landmarks, moved: (point: Point) => Point): Landmarks {
  const { leftEye, rightEye, nose, mouthLeft, mouthRight } = landmarks;
  return {
    leftEye: moved(leftEye),
    rightEye: moved(rightEye),
    nose: moved(nose),
    mouthLeft: moved(mouthLeft),
    mouthRight: moved(mouthRight),
  };
}

function mirror(landmarks: Landmarks, width: number): Landmarks {
  const { leftEye, rightEye, nose, mouthLeft, mouthRight } = map(landmarks, ([x, y]) => [
    width - x,
    y,
  ]);
  return {
    leftEye: rightEye,
    rightEye: leftEye,
    nose,
    mouthLeft: mouthRight,
    mouthRight: mouthLeft,
  };
}

function rotate([x, y]: Point, angle: number): Point {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  return [cos * x - sin * y, sin * x + cos * y];
}

/** A face with plenty of room around it. */
function partOf(image: Image, face: Face): [Image, Face] {
  const [x, y] = [face.box[0] - 60, face.box[1] - 60];
  return [cut(image, [x, y, face.box[2] + 120, face.box[3] + 120]), seenFrom(face, [x, y])];
}

function toned({ data, ...size }: Image, factor: number, offset: number): Image {
  return {
    ...size,
    data: Uint8Array.from(new Uint8ClampedArray([...data].map((v) => v * factor + offset))),
  };
}

/** Three box blurs of each axis, which come near to a Gaussian. */
function blur({ data, width, height }: Image, radius: number): Image {
  let values = Float32Array.from(data);
  for (let pass = 0; pass < 3; pass++)
    for (const along of [0, 1]) {
      const next = new Float32Array(values.length);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let channel = 0; channel < 3; channel++) {
            let sum = 0;
            for (let d = -radius; d <= radius; d++) {
              const u = Math.min(Math.max(x + (along ? 0 : d), 0), width - 1);
              const v = Math.min(Math.max(y + (along ? d : 0), 0), height - 1);
              sum += values[(v * width + u) * 3 + channel];
            }
            next[(y * width + x) * 3 + channel] = sum / (2 * radius + 1);
          }
      values = next;
    }
  return { width, height, data: Uint8Array.from(values, Math.round) };
}
