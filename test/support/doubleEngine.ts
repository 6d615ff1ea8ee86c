import type { Embedder, Engine, SearchIndex } from '../../src/engine/engine.ts';
import type { Face } from '../../src/engine/face.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { exampleProfile } from './exampleProfile.ts';

/**
 * A TEST DOUBLE of the engine, for tests of what is decided with its answers. Its "photographs"
 * are rows of square faces in one colour each; a black square is background. The colour is the
 * embedding, so that faces of similar colour are near. Search is exact.
 */
export function doubleEngine(): Engine & { readonly openIndexes: number } {
  let openIndexes = 0;
  const embedder: Embedder = {
    model: 'double',
    dimensions: 3,
    threshold: 0.1,
    embed: async (image, faces) => faces.map((face) => direction(colour(image, face.box[0]))),
    classify: async (_, faces, top) =>
      faces.map(() =>
        ['Ann', 'Bob'].slice(0, top).map((name, i) => ({ name, probability: 0.6 - i / 5 })),
      ),
  };
  return {
    adapter: {
      vendor: 'double',
      architecture: '',
      description: '',
      software: true,
      features: [],
      subgroupSize: [1, 1],
      limits: {},
    },
    get openIndexes() {
      return openIndexes;
    },
    admit: async (_size, decode) => ({
      image: await decode(new AbortController().signal),
      release: () => undefined,
    }),
    async detect(image) {
      const faces: Face[] = [];
      for (let x = 0; x < image.width; x += image.height)
        if (colour(image, x).some((value) => value > 0)) faces.push(square(x, image.height));
      return faces;
    },
    embedder: async () => embedder,
    index(dimensions) {
      openIndexes++;
      return scalarIndex(dimensions, () => openIndexes--);
    },
    profile: async () => exampleProfile(),
    close: async () => {},
  };
}

/** A double's photograph: one square face per colour. */
export function squares(...colours: readonly (readonly [number, number, number])[]): Image {
  const side = 8;
  const width = side * colours.length;
  const data = new Uint8Array(width * side * 3);
  for (let i = 0; i < width * side; i++) data.set(colours[Math.floor((i % width) / side)], i * 3);
  return { width, height: side, data };
}

function scalarIndex(dimensions: number, destroyed: () => void): SearchIndex {
  const rows = new Map<string, Float32Array>();
  return {
    dimensions,
    get size() {
      return rows.size;
    },
    add: (id, embedding) => void rows.set(id, embedding),
    remove: (id) => rows.delete(id),
    search: async (probes, k) =>
      probes.map((probe) =>
        [...rows]
          .map(([id, row]) => ({
            id,
            distance: 1 - row.reduce((sum, v, i) => sum + v * probe[i], 0),
          }))
          .sort((a, b) => a.distance - b.distance)
          .slice(0, k),
      ),
    destroy: destroyed,
  };
}

function colour(image: Image, x: number): [number, number, number] {
  return [image.data[x * 3], image.data[x * 3 + 1], image.data[x * 3 + 2]];
}

function direction(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
}

function square(x: number, side: number): Face {
  const at = (dx: number, dy: number): [number, number] => [x + dx * side, dy * side];
  return {
    box: [x, 0, side, side],
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
