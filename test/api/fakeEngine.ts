import type { Embedder, Engine, SearchIndex } from '../../src/engine/engine.ts';
import type { Face } from '../../src/engine/face.ts';
import { encodePng } from '../../src/engine/image/encode.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { currentModel } from '../../src/engine/weights/revision.ts';
import { FacegraphError } from '../../src/errors.ts';
import { exampleProfile } from '../support/exampleProfile.ts';

/**
 * A double of the engine for tests of the API alone: a face is a coloured tile of 64×64 pixels on
 * grey, and its embedding is its colour. It also counts, fails when told to, and searches by sorting.
 */
export interface FakeEngine extends Engine {
  /** Thrown by the next `detect`. */
  failure: Error | undefined;
  /** Calls of `detect` so far. */
  detected: number;
}

/** Colours of people who are far apart. */
export const PEOPLE = {
  red: [220, 30, 30],
  green: [30, 220, 30],
  blue: [30, 30, 220],
} as const;

export type Colour = readonly [r: number, g: number, b: number];

const TILE = 64;
const GREY = 128;

/**
 * The bytes of a PNG that shows these faces side by side. Below the top row, which has the colour, lies a
 * pattern of grey, so that a face has detail and light as those of people do.
 */
export function picture(...colours: readonly Colour[]): Uint8Array<ArrayBuffer> {
  const width = TILE * Math.max(colours.length, 1);
  const data = new Uint8Array(width * TILE * 3).fill(GREY);
  for (let i = 0; i < width * TILE; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const colour = colours[Math.floor(x / TILE)];
    const light = GREY + 50 * Math.sin(x) * Math.sin(y);
    if (colour) data.set(y === 0 ? colour : [light, light, light], i * 3);
  }
  return new Uint8Array(encodePng({ width, height: TILE, data }));
}

export function fakeEngine(): FakeEngine {
  const engine: FakeEngine = {
    failure: undefined,
    detected: 0,
    adapter: {
      vendor: 'test',
      architecture: '',
      description: 'a double of the engine',
      software: true,
      features: ['subgroups'],
      subgroupSize: [4, 4],
      limits: {},
    },
    admit: async (_size, decode) => ({
      image: await decode(new AbortController().signal),
      release: () => undefined,
    }),
    async detect(image) {
      engine.detected++;
      const { failure } = engine;
      engine.failure = undefined;
      if (failure) throw failure;
      return faces(image);
    },
    async embedder(model) {
      currentModel(model);
      if (model === 'senet50-vggface2')
        throw new FacegraphError('ModelUnavailable', `${model} has no weights here`);
      const embedder = EMBEDDERS.find((candidate) => candidate.model === model);
      if (!embedder) throw new FacegraphError('InvalidInput', `no model is called ${model}`);
      return embedder;
    },
    index: scalarIndex,
    profile: async ({ model, batch }) => exampleProfile({ model, batch }),
    close: async () => undefined,
  };
  return engine;
}

const EMBEDDERS: readonly Embedder[] = [
  embedder('facenet-vggface2', (colour) => colour),
  // Of other numbers and another length, so that the two cannot be mixed up unnoticed.
  embedder('resnet50-vggface2', ([r, g, b]) => [b, r, g, GREY + 10]),
];

function embedder(model: string, values: (colour: number[]) => number[]): Embedder {
  return {
    model,
    dimensions: values([0, 0, 0]).length,
    threshold: 0.1,
    embed: async (image, found) =>
      found.map(({ box }) => normalised(values(colourAt(image, box[0])))),
    classify: async () => {
      throw new FacegraphError('ModelUnavailable', 'the double has no classifier');
    },
  };
}

function faces(image: Image): Face[] {
  if (image.height !== TILE) return [];
  const found: Face[] = [];
  for (let x = 0; x < image.width; x += TILE) {
    if (colourAt(image, x).every((channel) => channel === GREY)) continue;
    found.push({
      box: [x, 0, TILE, TILE],
      confidence: 0.999 - x / 1e6,
      landmarks: {
        leftEye: [x + 20, 24],
        rightEye: [x + 44, 24],
        nose: [x + 32, 36],
        mouthLeft: [x + 22, 48],
        mouthRight: [x + 42, 48],
      },
    });
  }
  return found;
}

function colourAt({ data }: Image, x: number): number[] {
  return [...data.subarray(x * 3, x * 3 + 3)];
}

function normalised(colour: readonly number[]): Float32Array {
  const centred = colour.map((channel) => channel - GREY);
  return Float32Array.from(centred, (channel) => channel / Math.hypot(...centred));
}

function scalarIndex(dimensions: number): SearchIndex {
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
          .map(([id, row]) => ({ id, distance: 1 - row.reduce((s, v, i) => s + v * probe[i], 0) }))
          .sort((a, b) => a.distance - b.distance)
          .slice(0, k),
      ),
    destroy: () => rows.clear(),
  };
}
