import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  bytes,
  type Field,
  integer,
  join as joined,
  message,
  string,
} from '../src/engine/protobuf.ts';
import { fold } from '../src/engine/weights/fold.ts';
import { formulaTensor, importFormula, writeFormula } from '../src/engine/weights/formula.ts';
import { readGraphDef } from '../src/engine/weights/import/graphdef.ts';
import { readKeras } from '../src/engine/weights/import/keras.ts';
import { arrangeMtcnn } from '../src/engine/weights/import/mtcnn.ts';
import { readTfjs } from '../src/engine/weights/import/tfjs.ts';
import { importModel } from '../src/engine/weights/importFile.ts';
import { layersOf, type WeightedLayer } from '../src/engine/weights/layersOf.ts';
import { manifest } from '../src/engine/weights/manifest.ts';
import type { Tensor, Tensors } from '../src/engine/weights/tensor.ts';
import { mtcnnShard } from './support/mtcnnShard.ts';
import { randomArray } from './support/random.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'facegraph-import-'));
});
afterAll(() => rm(directory, { recursive: true }));

const tensor = (shape: number[], seed: number): Tensor => ({
  shape,
  data: randomArray(
    seed,
    shape.reduce((n, length) => n * length, 1),
  ),
});

describe('fold', () => {
  const layer: WeightedLayer = {
    op: 'conv',
    name: 'a',
    x: 'input',
    cin: 2,
    cout: 3,
    kernel: [1, 2],
    stride: [1, 1],
    pad: [0, 0, 0, 0],
    activation: 'none',
    bias: true,
    batchNorm: { epsilon: 1e-3, gamma: true },
    scale: 0.17,
  };
  const batchNorm = { gamma: 'g', beta: 'e', mean: 'm', variance: 'v' };
  const namesOf = () => ({ weight: 'w', bias: 'b', batchNorm });
  const source = (): Tensors =>
    new Map([
      ['w', tensor([1, 2, 2, 3], 1)],
      ['b', tensor([3], 2)],
      ['g', tensor([3], 3)],
      ['e', tensor([3], 4)],
      ['m', tensor([3], 5)],
      ['v', { shape: [3], data: Float32Array.of(1e-6, 0.5, 2) }],
    ]);

  test('one convolution after folding is convolution, batch norm and scale before', () => {
    const raw = source();
    const folded = fold([layer], raw, namesOf);
    const at = (name: string, i: number) => raw.get(name)!.data[i];
    const x = randomArray(6, 4);
    for (let c = 0; c < 3; c++) {
      const dot = (w: Float32Array) => x.reduce((sum, v, i) => sum + v * w[i * 3 + c], 0);
      const normed =
        ((dot(raw.get('w')!.data) + at('b', c) - at('m', c)) / Math.sqrt(at('v', c) + 1e-3)) *
          at('g', c) +
        at('e', c);
      const ours = dot(folded.get('a/weight')!.data) + folded.get('a/bias')!.data[c];
      expect(ours).toBeCloseTo(0.17 * normed, 5);
    }
  });

  test('a missing, an extra and a misshapen tensor are each named', () => {
    const raw = source();
    raw.delete('m');
    raw.set('stranger', tensor([1], 1));
    raw.set('w', tensor([2, 1, 2, 3], 1));
    expect(() => fold([layer], raw, namesOf)).toThrow(
      /w is \[2,1,2,3\], the network needs \[1,2,2,3\]; missing m; extra stranger/,
    );
  });

  test('a negative variance is found out', () => {
    const raw = source().set('v', { shape: [3], data: Float32Array.of(-1, 1, 1) });
    expect(() => fold([layer], raw, namesOf)).toThrow(/a\/weight.*not finite/);
  });
});

describe('MTCNN', () => {
  const { json, shard } = mtcnnShard(7);
  const source = () => readTfjs(JSON.parse(json.toString()), () => shard);

  test('kernels, rows after flatten and joined heads land where the layers read them', () => {
    const [raw, ours] = [source(), arrangeMtcnn(source())];
    const value = ({ shape, data }: Tensor, ...index: number[]) =>
      data[index.reduce((at, i, axis) => at * shape[axis] + i, 0)];
    const of = (name: string, ...index: number[]) => value(ours.get(name)!, ...index);
    const published = (name: string, ...index: number[]) => value(raw.get(name)!, ...index);

    expect(of('onet/conv2/weight', 2, 0, 5, 9)).toBe(published('onet/conv2/weights', 0, 2, 5, 9));
    const [y, x, c] = [2, 1, 77];
    const [row, transposed] = [(y * 3 + x) * 128 + c, (x * 3 + y) * 128 + c];
    expect(of('onet/fc/weight', row, 3)).toBe(published('onet/fc1/weights', transposed, 3));
    for (const [channel, head, i] of [
      [1, 'fc2_1', 1],
      [2, 'fc2_2', 0],
      [15, 'fc2_3', 9],
    ] as const) {
      expect(of('onet/head/weight', 200, channel)).toBe(published(`onet/${head}/weights`, 200, i));
      expect(of('onet/head/bias', channel)).toBe(published(`onet/${head}/bias`, i));
    }
    expect(of('onet/fc/slope', 4)).toBe(published('onet/prelu5_alpha', 4));
  });

  test('shards that are too short or too long are refused', () => {
    const read = (values: Buffer) => () => readTfjs(JSON.parse(json.toString()), () => values);
    expect(read(shard.subarray(4))).toThrow('onet/fc2_3/bias');
    expect(read(Buffer.concat([shard, Buffer.alloc(4)]))).toThrow('4 bytes are left over');
  });
});

describe('GraphDef', () => {
  const constant = (name: string, { shape, data }: Tensor, type = 1): Field => {
    const dimensions = shape.map((size) => message(2, [integer(1, size)]));
    const content = new Uint8Array(data.buffer);
    const value = message(8, [integer(1, type), message(2, dimensions), bytes(4, content)]);
    const attribute = message(5, [string(1, 'value'), message(2, [value])]);
    return message(1, [string(1, name), string(2, 'Const'), attribute]);
  };
  const identity = message(1, [string(1, 'x/weights/read'), string(2, 'Identity')]);

  test('variables come by name, everything else is passed over', () => {
    const weights = tensor([2, 300, 3], 1);
    const graph = joined([
      identity,
      constant('x/weights', weights),
      constant('x/axis', tensor([1], 2)),
    ]);
    expect(readGraphDef(graph)).toEqual(new Map([['x/weights', weights]]));
  });

  test.each([
    { what: 'cut off', change: (graph: Uint8Array) => graph.subarray(0, -5), says: /cut off/ },
    { what: 'no protobuf', change: () => Buffer.from('<html></html>'), says: /protobuf/ },
  ])('a file that is $what is refused', ({ change, says }) => {
    const graph = joined([constant('x/weights', tensor([4], 1))]);
    expect(() => readGraphDef(change(graph))).toThrow(says);
  });

  test('float64 is refused', () => {
    const graph = joined([constant('x/weights', tensor([4], 1), 2)]);
    expect(() => readGraphDef(graph)).toThrow('x/weights is not float32');
  });
});

describe('Keras', () => {
  test('formula weights come through HDF5 and importer, classifier and all', async () => {
    const tensors = await importFormula('resnet50-vggface2', true);
    const names = layersOf('resnet50-vggface2', true).map(({ name }) => `${name}/weight`);
    expect([...tensors.keys()].filter((name) => name.endsWith('/weight'))).toEqual(names);
    // `toEqual` takes minutes over this many values.
    const { data } = formulaTensor('classifier/kernel:0', [2048, 8631]);
    const imported = tensors.get('classifier/weight')!.data;
    expect(imported.length).toBe(data.length);
    expect(imported.every((value, i) => value === data[i])).toBe(true);
  });

  test('formula weights are refused as genuine ones, even with trust', async () => {
    vi.stubEnv('FACEGRAPH_CACHE', join(directory, 'cache'));
    const model = manifest('senet50-vggface2');
    const path = join(directory, model.artifacts[1].files[0].name);
    await writeFormula(path, 'senet50-vggface2', false);
    const refused = importModel(model, path, { trust: true });
    await expect(refused).rejects.toThrow('weight generator');
    vi.unstubAllEnvs();
  });

  test('a file that is not HDF5 is refused', async () => {
    const path = join(directory, 'page.h5');
    await writeFile(path, '<html>not found</html>');
    await expect(readKeras(path)).rejects.toMatchObject({ code: 'WeightsInvalid' });
  });
});
