import { readFile } from 'node:fs/promises';
import { FacegraphError } from '../../errors.ts';
import { fold, type SourceNames } from './fold.ts';
import { facenetNames, readGraphDef } from './import/graphdef.ts';
import { kerasApplicationsNames } from './import/kerasApplications.ts';
import { kerasVggfaceNames } from './import/kerasVggface.ts';
import { arrangeMtcnn, mtcnnNames } from './import/mtcnn.ts';
import { readTfjs } from './import/tfjs.ts';
import { layersOf, type WeightedLayer } from './layersOf.ts';
import type { ImporterName } from './manifest.ts';
import type { Tensors } from './tensor.ts';

interface Importer {
  readonly read: (paths: readonly string[]) => Promise<Source>;
  readonly namesOf: (layer: WeightedLayer) => SourceNames;
}

interface Source {
  readonly tensors: Tensors;
  readonly formula: boolean;
}

export interface Imported {
  readonly tensors: Tensors;
  readonly classifier: boolean;
  /** The file holds made-up numbers for tests, not a trained model. */
  readonly formula: boolean;
}

const IMPORTERS: Record<ImporterName, Importer> = {
  'mtcnn-tfjs': {
    read: async (paths) => genuine(arrangeMtcnn(await readShards(paths))),
    namesOf: mtcnnNames,
  },
  'facenet-graphdef': {
    read: async ([path]) => genuine(readGraphDef(await readFile(path))),
    namesOf: facenetNames,
  },
  'keras-vggface': {
    // Loaded when needed: compiling HDF5 takes longer than all the rest of a warm start.
    read: async ([path]) => (await import('./import/keras.ts')).readKeras(path),
    namesOf: kerasVggfaceNames,
  },
  'keras-applications-tfjs': {
    read: async (paths) => genuine(await readShards(paths)),
    namesOf: kerasApplicationsNames,
  },
};

/**
 * Reads a published model's files and returns the folded parameters of our network; the classifier
 * is included when the files have one.
 * @param paths the files in the manifest's order.
 * @throws FacegraphError `WeightsInvalid` naming what does not fit.
 */
export async function importWeights(
  importer: ImporterName,
  network: string,
  paths: readonly string[],
): Promise<Imported> {
  const { read, namesOf } = IMPORTERS[importer];
  const { tensors: source, formula } = await read(paths);
  const all = layersOf(network, true);
  const head = all.find(({ name }) => name === 'classifier');
  const classifier = head !== undefined && source.has(namesOf(head).weight);
  const layers = classifier ? all : layersOf(network, false);
  return { tensors: fold(layers, source, namesOf), classifier, formula };
}

function genuine(tensors: Tensors): Source {
  return { tensors, formula: false };
}

/** The manifest comes first, the shards it names after it. */
async function readShards([manifest, ...shards]: readonly string[]): Promise<Tensors> {
  const bytes = new Map<string, Uint8Array>();
  for (const path of shards) bytes.set(baseName(path), await readFile(path));
  return readTfjs(JSON.parse(await readFile(manifest, 'utf8')), (path) => {
    const found = bytes.get(baseName(path));
    if (!found) throw new FacegraphError('WeightsInvalid', `the shard ${path} is missing`);
    return found;
  });
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
