import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batches } from '../src/engine/batches.ts';
import {
  type Corners,
  nms,
  type Overlap,
  regress,
  type ScoredBox,
  square,
  truncate,
} from '../src/engine/boxes.ts';
import { layOutNetwork } from '../src/engine/networkPlan.ts';
import { inceptionResnetV1 } from '../src/engine/networks/inceptionResnetV1.ts';
import { pnet } from '../src/engine/networks/mtcnn.ts';
import { resnet50, SENET50_VGGFACE2 } from '../src/engine/networks/resnet50.ts';
import { bands, CELL, pyramid, WARM_LEVELS } from '../src/engine/pyramid.ts';
import { layOut } from '../src/gpu/arena.ts';
import { padded } from '../src/gpu/tensor.ts';
import { convDeep, convTile } from '../src/kernels/conv.ts';

const box = (x1: number, y1: number, x2: number, y2: number, score: number) => ({
  corners: [x1, y1, x2, y2] as const,
  score,
});

/** Suppression as it is defined. */
function nmsOfPairs(boxes: readonly ScoredBox[], threshold: number, overlap: Overlap): number[] {
  const area = ([x1, y1, x2, y2]: Corners) => (x2 - x1 + 1) * (y2 - y1 + 1);
  const shared = ({ corners: a }: ScoredBox, { corners: b }: ScoredBox) => {
    const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]) + 1;
    const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]) + 1;
    const both = Math.max(w, 0) * Math.max(h, 0);
    return both / (overlap === 'min' ? Math.min(area(a), area(b)) : area(a) + area(b) - both);
  };
  const kept: number[] = [];
  const order = boxes.map((_, i) => i).sort((a, b) => boxes[b].score - boxes[a].score || b - a);
  for (const i of order)
    if (kept.every((k) => shared(boxes[k], boxes[i]) <= threshold)) kept.push(i);
  return kept;
}

describe('boxes', () => {
  it('nms keeps the best of those that overlap, by union or by the smaller box', () => {
    const boxes = [
      box(1, 1, 10, 10, 0.7),
      box(2, 1, 11, 10, 0.9),
      box(3, 3, 6, 6, 0.8),
      box(50, 50, 60, 60, 0.1),
    ];
    expect(nms(boxes, 0.5, 'union')).toEqual([1, 2, 3]); // 90/110 shared; the small one shares 16/100
    expect(nms(boxes, 0.5, 'min')).toEqual([1, 3]); // all of the small one
    expect(nms([], 0.5, 'union')).toEqual([]);
  });

  it('keeps boxes at exactly the threshold; of equal scores the later wins', () => {
    const halves = [box(1, 1, 4, 2, 0.5), box(1, 1, 2, 2, 0.5)]; // 4 of 8 pixels
    expect(nms(halves, 0.5, 'union')).toEqual([1, 0]);
    expect(nms(halves, 0.49, 'union')).toEqual([1]);
  });

  it('nms is the same as comparing every box with every one that is kept, at any size and place', () => {
    const corner = fc.integer({ min: -60, max: 300 });
    const side = fc.integer({ min: 1, max: 150 });
    const score = fc.integer({ min: 0, max: 5 });
    const any = fc
      .tuple(corner, corner, side, side, score)
      .map(([x, y, w, h, s]) => box(x, y, x + w - 1, y + h - 1, s / 5));
    const boxes = fc.array(any, { maxLength: 60 });
    const threshold = fc.constantFrom(0, 0.3, 0.5, 0.7);
    const overlap = fc.constantFrom('union' as const, 'min' as const);
    fc.assert(
      fc.property(boxes, threshold, overlap, (some, most, by) => {
        expect(nms(some, most, by)).toEqual(nmsOfPairs(some, most, by));
      }),
      { numRuns: 500 },
    );
  });

  // Without this a request with low thresholds holds up the server for minutes.
  it('nms takes time in proportion to the boxes', () => {
    const cells = Array.from({ length: 60_000 }, (_, i) => {
      const [x, y] = [2 * (i % 300), 2 * Math.floor(i / 300)];
      return box(x + 1, y + 1, x + 12, y + 12, ((i * 7919) % 60_000) / 60_000);
    });
    const before = process.cpuUsage().user;
    expect(nms(cells, 0.5, 'union').length).toBeGreaterThan(5000);
    expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(10);
  });

  it('a box without area suppresses none', () => {
    expect(nms([box(5, 5, 4, 9, 0.9), box(1, 1, 10, 10, 0.5)], 0.7, 'min')).toEqual([0, 1]);
  });

  it('regresses, squares and truncates', () => {
    expect(regress([10, 20, 30, 60], [0.1, -0.1, 0, 0.5], 20, 40)).toEqual([12, 16, 30, 80]);
    expect(square([10, 20, 30, 60])).toEqual([0, 20, 40, 60]);
    expect(truncate([-1.5, 2.9, 3, -0.2])).toEqual([-1, 2, 3, -0]);
  });
});

describe('pyramid', () => {
  it('has the levels of mtcnn 0.1', () => {
    const levels = pyramid(561, 561, 20, 0.709);
    expect(levels.map((l) => l.width)).toEqual([337, 239, 170, 120, 86, 61, 43, 31, 22, 16]);
    expect(pyramid(19, 100, 20, 0.709)).toEqual([]);
    expect(pyramid(20, 100, 20, 0.709)).toHaveLength(1);
  });

  it('bands cover every output row once, start at even rows and respect the limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 12, max: 900 }),
        fc.integer({ min: 12, max: 300 }),
        fc.integer({ min: 40, max: 800 }),
        (height, width, kilobytes) => {
          const level = { scale: 1, width, height };
          const made = bands(level, kilobytes * 1024);
          const cells = (rows: number) => Math.ceil((rows - 2) / 2) - 4;
          const covered = made.flatMap((b) =>
            Array.from({ length: cells(b.rows) }, (_, r) => b.cellRow + r),
          );
          expect(covered).toEqual(Array.from({ length: cells(height) }, (_, r) => r));
          for (const b of made) {
            expect(b.first % 2).toBe(0);
            expect(b.rows).toBeGreaterThanOrEqual(CELL - 1); // the pool rounds up: 11 rows still make a cell
            expect(b.first + b.rows).toBeLessThanOrEqual(height);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('warm levels', () => {
  // A tile with the channels of a layer is a pipeline.
  const tiles = (width: number, height: number, subgroup: number) => {
    const { shapes } = layOutNetwork(pnet, [1, height, width, 3]);
    return pnet.layers
      .filter((layer) => layer.op === 'conv')
      .map(({ name, cin }) => {
        const shape = shapes.get(name)!;
        const [n, h, w] = shape;
        const tile = convTile([subgroup, subgroup], n * h * w, convDeep(cin, shape));
        return `${name} ${JSON.stringify(tile)}`;
      });
  };

  it.each([4, 8, 16, 32, 64, 128])(
    'need every tile that a level of any size needs, on subgroups of %i',
    (subgroup) => {
      const warm = new Set(WARM_LEVELS.flatMap((l) => tiles(l.width, l.height, subgroup)));
      for (let height = CELL; height < 48; height++)
        for (let width = CELL; width < 200; width += width < 48 ? 1 : 19)
          for (const tile of tiles(width, height, subgroup)) expect(warm).toContain(tile);
    },
  );
});

describe('batches', () => {
  const cost = (runs: readonly number[], start: number) =>
    runs.reduce((sum, size) => sum + start + size, 0);

  it('cover all items once, larger runs first, only the last padded', () => {
    const start = fc.double({ min: 0, max: 300, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), start, (count, start) => {
        const runs = batches(count, [4, 16, 64, 256], start);
        let next = 0;
        for (const [i, run] of runs.entries()) {
          expect(run.from).toBe(next);
          expect([4, 16, 64, 256]).toContain(run.size);
          expect(run.size).toBeLessThanOrEqual(runs[i - 1]?.size ?? 256);
          if (i < runs.length - 1) expect(run.count).toBe(run.size);
          expect(run.count).toBeGreaterThan(0);
          next += run.count;
        }
        expect(next).toBe(count);
      }),
    );
  });

  it('cost no more than any other division', () => {
    const sizes = [1, 2, 4, 8];
    const divisions = (count: number): number[][] =>
      count <= 0
        ? [[]]
        : sizes.flatMap((size) => divisions(count - size).map((rest) => [size, ...rest]));
    for (let count = 0; count <= 9; count++)
      for (const start of [0, 0.1, 0.5, 0.9, 2, 4, 50]) {
        const made = batches(count, sizes, start).map(({ size }) => size);
        const best = Math.min(...divisions(count).map((runs) => cost(runs, start)));
        expect(cost(made, start)).toBeCloseTo(best, 9);
      }
  });

  it.each([
    // Faces in software, faces on a GPU, candidates of R-Net and of O-Net in software.
    { sizes: [1, 2, 4, 8], start: 0.5, of: { 3: [2, 1], 5: [4, 1], 6: [4, 2], 7: [8], 9: [8, 1] } },
    { sizes: [1, 2, 4, 8], start: 4, of: { 2: [2], 3: [4], 5: [8], 7: [8], 9: [8, 1] } },
    {
      sizes: [4, 16, 64, 256],
      start: 2,
      of: { 4: [4], 8: [4, 4], 9: [16], 20: [16, 4], 70: [64, 4, 4] },
    },
    { sizes: [1, 4, 16, 64], start: 0.5, of: { 3: [4], 9: [4, 4, 1], 15: [16], 17: [16, 1] } },
  ])('are these at a start of $start: $of', ({ sizes, start, of }) => {
    for (const [count, runs] of Object.entries(of))
      expect([count, ...batches(Number(count), sizes, start).map(({ size }) => size)]).toEqual([
        count,
        ...runs,
      ]);
  });
});

describe('arena', () => {
  it('never lets tensors overlap that live at the same time', () => {
    const lifetimes = fc.array(
      fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(20), length: fc.nat(6) }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(lifetimes, (raw) => {
        const lives = raw.map((r, i) => ({
          name: String(i),
          bytes: r.bytes,
          first: r.first,
          last: r.first + r.length,
        }));
        const { offsets, bytes } = layOut(lives);
        for (const a of lives) {
          const from = offsets.get(a.name)!;
          expect(from % 256).toBe(0);
          expect(from + a.bytes).toBeLessThanOrEqual(bytes);
          for (const b of lives) {
            if (a === b || a.first > b.last || b.first > a.last) continue;
            const other = offsets.get(b.name)!;
            expect(from + a.bytes <= other || other + b.bytes <= from).toBe(true);
          }
        }
      }),
    );
  });

  it('spreads pixels of 2 KB and its multiples, but not what is read densely', () => {
    const senet = resnet50(SENET50_VGGFACE2, true);
    const { shapes, strides, arena } = layOutNetwork(senet, [1, 224, 224, 3]);
    const spread = [...strides].filter(([name, stride]) => stride !== padded(shapes.get(name)![3]));
    expect(new Set(spread.map(([, stride]) => stride))).toEqual(new Set([528, 1040, 2064]));
    for (const [name] of spread) expect(shapes.get(name)!.slice(1, 3), name).not.toEqual([1, 1]);
    for (const name of senet.outputs) expect(strides.get(name)).toBe(padded(shapes.get(name)![3]));
    for (const [name, offset] of arena.offsets) {
      const [n, h, w] = shapes.get(name)!;
      expect(offset + n * h * w * strides.get(name)! * 4).toBeLessThanOrEqual(arena.bytes);
    }
  });

  it('makes the branches of every concatenation in place and reuses memory', () => {
    const layout = layOutNetwork(inceptionResnetV1, [1, 160, 160, 3]);
    for (const layer of inceptionResnetV1.layers)
      if (layer.op === 'concat')
        for (const x of layer.xs) expect(layout.places.get(x)!.owner, x).toBe(layer.name);
    // What must live together in Conv2d_2b: 77 × 77 in and out, and their 36 elements of 400 tiles.
    const floats = (77 * 77 + 36 * 400) * (32 + 64);
    expect(layout.arena.bytes).toBeLessThanOrEqual(floats * 4 + 1024);
    expect(layOutNetwork(pnet, [1, 100, 100, 3]).arena.bytes).toBeGreaterThan(98 * 98 * 12 * 4);
  });
});
