import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { layersOf } from '../../src/engine/weights/layersOf.ts';
import { type Manifest, manifest } from '../../src/engine/weights/manifest.ts';
import { randomArray } from './random.ts';

export interface Shard {
  readonly json: Buffer;
  readonly shard: Buffer;
}

/** A published MTCNN file pair of exact names and shapes with random values. */
export function mtcnnShard(seed: number): Shard {
  const weights: { name: string; shape: number[]; dtype: 'float32' }[] = [];
  const add = (name: string, shape: number[]) => weights.push({ name, shape, dtype: 'float32' });
  for (const layer of layersOf('mtcnn', false)) {
    const [stage, part] = layer.name.split('/');
    const rank = (cout: number) =>
      layer.op === 'conv' ? [...layer.kernel, layer.cin, cout] : [layer.cin, cout];
    if (part === 'head') {
      const first = stage === 'pnet' ? 'conv4_' : 'fc2_';
      for (const [i, cout] of [2, 4, 10].slice(0, stage === 'onet' ? 3 : 2).entries()) {
        add(`${stage}/${first}${i + 1}/weights`, rank(cout));
        add(`${stage}/${first}${i + 1}/bias`, [cout]);
      }
      continue;
    }
    const published = part === 'fc' ? 'fc1' : part;
    const prelu = part === 'fc' ? (stage === 'rnet' ? 4 : 5) : Number(part.slice(4));
    add(`${stage}/${published}/weights`, rank(layer.cout));
    add(`${stage}/${published}/bias`, [layer.cout]);
    add(`${stage}/prelu${prelu}_alpha`, [layer.cout]);
  }
  const count = weights.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);
  const paths = ['mtcnn_model-shard1'];
  return {
    json: Buffer.from(JSON.stringify([{ paths, weights }])),
    shard: Buffer.from(randomArray(seed, count).buffer),
  };
}

/** The manifest of mtcnn, but for these files, under another name and from another package. */
export function manifestOf({ json, shard }: Shard, name: string, npmPackage: string): Manifest {
  const genuine = manifest('mtcnn');
  const [artifact] = genuine.artifacts;
  const contents = [json, shard];
  const files = artifact.files.map((file, i) => ({
    name: file.name,
    bytes: contents[i].length,
    sha256: createHash('sha256').update(contents[i]).digest('hex'),
  }));
  const sources = [{ kind: 'npm' as const, package: npmPackage, directory: 'app/weights' }];
  return { ...genuine, name, artifacts: [{ ...artifact, files, sources }] };
}

/** Writes the files into a new folder of `directory`; their paths in the manifest's order. */
export async function writeShard(directory: string, { json, shard }: Shard): Promise<string[]> {
  const folder = await mkdtemp(join(directory, 'files-'));
  const contents = [json, shard];
  const paths = manifest('mtcnn').artifacts[0].files.map(({ name }) => join(folder, name));
  for (const [i, path] of paths.entries()) await writeFile(path, contents[i]);
  return paths;
}
