import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { inNameOf } from '../src/engine/caller.ts';
import { LARGEST_BATCH } from '../src/engine/embed.ts';
import type { Face } from '../src/engine/face.ts';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { type OpenedEngine, openEngine } from '../src/engine/openEngine.ts';
import { cut } from '../src/engine/surroundings.ts';
import { hasWeights } from '../src/engine/weights/load.ts';
import { DEFAULT_MODELS } from '../src/engine/weights/manifest.ts';
import type { Gpu } from '../src/gpu/device.ts';

const opened = vi.hoisted((): Gpu[] => []);
vi.mock('../src/gpu/device.ts', async (original) => {
  const module = await original<typeof import('../src/gpu/device.ts')>();
  const openGpu = async () => {
    const gpu = await module.openGpu();
    opened.push(gpu);
    return gpu;
  };
  return { ...module, openGpu };
});

const SAMPLES = new URL('../node_modules/@vladmandic/face-api/demo/', import.meta.url);
const missing = [
  ...DEFAULT_MODELS.filter((model) => !hasWeights(model)),
  ...(existsSync(SAMPLES) ? [] : ['photographs of @vladmandic/face-api']),
];
const MODEL = 'facenet-vggface2';

describe.skipIf(missing.length > 0)(
  `serving many at once${missing.length > 0 ? ` (missing: ${missing.join(', ')})` : ''}`,
  () => {
    const batched: number[] = [];
    let engine: OpenedEngine;
    let images: Image[];
    /** Of each image. */
    let faces: Face[][];

    beforeAll(async () => {
      engine = await openEngine({ batched: (count) => batched.push(count) });
      const read = async (name: string) => decodeImage(await readFile(new URL(name, SAMPLES)));
      const [women, man] = await Promise.all(['sample1.jpg', 'sample2.jpg'].map(read));
      // Three sizes, the middle one so narrow that it has few levels.
      images = [women, man, cut(man, [0, 0, man.width, Math.round(man.height / 2)])];
      await engine.warmUp();
    });

    afterAll(async () => {
      await engine?.close();
      await closeDecoder();
    });

    it('compiles nothing once it is warm, whatever sizes come', async () => {
      const [gpu] = opened;
      const warm = gpu.pipelines.size;
      expect(warm).toBeGreaterThan(10);
      faces = [];
      for (const image of images) faces.push(await engine.detect(image, { minFaceSize: 40 }));
      const strip = cut(images[0], [0, 0, 300, 15]);
      for (const odd of [
        strip,
        cut(images[0], [0, 0, 13, 200]),
        cut(images[0], [10, 10, 47, 53]),
        cut(images[0], [10, 10, 64, 20]),
      ])
        await engine.detect(odd, { minFaceSize: 12, thresholds: [0.3, 0.3, 0.3] });
      const embedder = await engine.embedder(MODEL);
      const [face] = faces[0];
      for (const count of [1, 2, 3, 5, LARGEST_BATCH])
        await embedder.embed(images[0], Array<Face>(count).fill(face));
      for (const [rows, format] of [
        [3, 'f32'],
        [1500, 'f16'],
      ] as const) {
        const index = engine.index(512, format);
        const unit = new Float32Array(512).fill(Math.sqrt(1 / 512));
        for (let i = 0; i < rows; i++) index.add(String(i), unit);
        for (const probes of [1, 2, 3, 9]) {
          const hits = await index.search(Array(probes).fill(unit), 5);
          expect(hits.map((all) => all.length)).toEqual(Array(probes).fill(Math.min(5, rows)));
        }
        index.destroy();
      }
      expect(gpu.pipelines.size).toBe(warm);
      expect(opened).toHaveLength(1);
    });

    it('compiles nothing for a profile either, whose batches nobody is served', async () => {
      const [gpu] = opened;
      const warm = gpu.pipelines.size;
      await engine.profile({ model: 'mtcnn', batch: 1, runs: 1 });
      expect(gpu.pipelines.size).toBe(warm);
    }, 400_000);

    it('embeds faces of several callers in one batch to the very bytes of each alone', async () => {
      const embedder = await engine.embedder(MODEL);
      const wanted = [
        [images[0], faces[0].slice(0, 2)],
        [images[1], faces[1].slice(0, 1)],
        [images[0], faces[0].slice(-1)],
        [images[1], faces[1].slice(-1)],
      ] as const;
      for (const [, some] of wanted) expect(some.length).toBeGreaterThan(0);
      const alone: Float32Array[][] = [];
      for (const [image, some] of wanted) alone.push(await embedder.embed(image, some));
      batched.length = 0;
      const together = await Promise.all(
        wanted.map(([image, some], i) =>
          inNameOf({ client: `key ${i}`, priority: 'request' }, () => embedder.embed(image, some)),
        ),
      );
      expect(batched).toEqual([wanted.reduce((sum, [, some]) => sum + some.length, 0)]);
      expect(together).toEqual(alone);
      // Faces of different people, so that equality means something.
      const [[a], [b]] = alone;
      expect(a).not.toEqual(b);
    });

    it('cuts a batch that is larger than the largest anywhere, also within an image', async () => {
      const embedder = await engine.embedder(MODEL);
      const many = Array.from({ length: 11 }, (_, i) => faces[0][i % faces[0].length]);
      const alone = await Promise.all(faces[0].map((face) => embedder.embed(images[0], [face])));
      const all = await embedder.embed(images[0], many);
      expect(all).toEqual(many.map((_, i) => alone[i % faces[0].length][0]));
    });

    it('embeds a crowd in several turns: somebody with one face need not wait for all', async () => {
      const embedder = await engine.embedder(MODEL);
      const crowd = Array<Face>(3 * LARGEST_BATCH).fill(faces[0][0]);
      const done: string[] = [];
      const ask = (client: string, some: readonly Face[]) =>
        inNameOf({ client, priority: 'request' }, async () => {
          const rows = await embedder.embed(images[0], some);
          done.push(client);
          return rows;
        });
      batched.length = 0;
      const [many, [one]] = await Promise.all([ask('crowd', crowd), ask('one', [faces[0][0]])]);
      expect(done).toEqual(['one', 'crowd']);
      expect(batched).toEqual([LARGEST_BATCH, 1, LARGEST_BATCH, LARGEST_BATCH]);
      expect(many).toEqual(crowd.map(() => one));
    });

    it('refuses an image that the GPU cannot hold before it waits or is uploaded', async () => {
      const { maxStorageBufferBindingSize: limit } = engine.adapter.limits;
      const huge = { width: Math.ceil(limit / 3 / 1000), height: 1000, data: new Uint8Array(3) };
      const write = vi.spyOn(opened[0].device.queue, 'writeBuffer');
      const embedder = await engine.embedder(MODEL);
      for (const attempt of [engine.detect(huge), embedder.embed(huge, faces[0])])
        await expect(attempt).rejects.toMatchObject({ code: 'ImageTooLarge' });
      expect(write).not.toHaveBeenCalled();
      write.mockRestore();
    });

    it('keeps no more buffers however many sizes come', async () => {
      const [gpu] = opened;
      const alive = new Set<GPUBuffer>();
      const { createBuffer } = gpu.device;
      const spy = vi.spyOn(gpu.device, 'createBuffer').mockImplementation((descriptor) => {
        const buffer = createBuffer.call(gpu.device, descriptor);
        alive.add(buffer);
        const { destroy } = buffer;
        buffer.destroy = () => {
          alive.delete(buffer);
          return destroy.call(buffer);
        };
        return buffer;
      });
      const bytes = () => [...alive].reduce((sum, { size }) => sum + size, 0);
      const sizes = Array.from({ length: 12 }, (_, i) => [120 + 2 * i, 90] as const);
      const readings: number[] = [];
      for (const [width, height] of sizes) {
        await engine.detect(cut(images[0], [0, 0, width, height]));
        readings.push(bytes());
      }
      // Plans of four sizes are kept; from then on one goes for each that comes.
      const settled = readings.slice(4);
      expect(Math.max(...settled)).toBeLessThan(1.2 * Math.min(...settled));
      spy.mockRestore();
    });
  },
);
