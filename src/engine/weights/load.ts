import { readFile } from 'node:fs/promises';
import { FacegraphError } from '../../errors.ts';
import { parameters } from '../network.ts';
import { weightsPath } from './cache.ts';
import { sha256 } from './hash.ts';
import { layersOf } from './layersOf.ts';
import { type Manifest, manifest } from './manifest.ts';
import { isCurrent, readRecord } from './record.ts';
import { parseSafetensors } from './safetensors.ts';
import type { Tensors } from './tensor.ts';

/**
 * The folded parameters of a model from the cache, named and shaped as `parameters(layer)` of every
 * layer of its network; those of a classifier only when the imported file had one. The file is
 * hashed each time: reading it costs more, and a damaged model would answer nonsense in silence.
 * @throws FacegraphError `ModelUnavailable` with the command that gets the weights; `WeightsInvalid`
 * when the file in the cache is damaged; `InvalidInput` for an unknown name.
 */
export async function loadWeights(name: string): Promise<Tensors> {
  return loadModel(manifest(name));
}

/** As `loadWeights`, of a manifest in hand. */
export async function loadModel(model: Manifest): Promise<Tensors> {
  const { name } = model;
  const record = readRecord(name);
  if (!record || !isCurrent(model)) throw unavailable(model);
  const bytes = await readFile(weightsPath(name));
  if (sha256(bytes) !== record.sha256)
    throw new FacegraphError(
      'WeightsInvalid',
      `the weights of ${name} in the cache are damaged; mend them with: ${pullCommand(name)}`,
    );
  const tensors = parseSafetensors(bytes);
  check(model, tensors, record.classifier);
  return tensors;
}

/** Whether the cache holds usable weights of a model. */
export function hasWeights(name: string): boolean {
  return isCurrent(manifest(name));
}

/** The command that gets a model's weights. */
export function pullCommand(name: string): string {
  return `npm run -s facegraph -- weights pull ${name}`;
}

function unavailable({ name }: Manifest): FacegraphError {
  const command = pullCommand(name);
  return new FacegraphError(
    'ModelUnavailable',
    `there are no weights of ${name} on this machine; get them with: ${command}`,
    { model: name, command },
  );
}

/** A change of the layer list after the import would otherwise show only as wrong answers. */
function check(model: Manifest, tensors: Tensors, classifier: boolean): void {
  for (const layer of layersOf(model.network, classifier))
    for (const { name, shape } of parameters(layer))
      if (tensors.get(name)?.shape.join() !== shape.join())
        throw new FacegraphError(
          'WeightsInvalid',
          `${name} of ${model.name} does not fit the network; convert it again with: ${pullCommand(model.name)}`,
        );
}
