import { FacegraphError } from '../../errors.ts';
import { type Manifest, manifest } from './manifest.ts';

/**
 * What embeddings were made by, as galleries and bundles keep it: the name of a model, or
 * `NAME@REVISION` when faces were cut or prepared for it otherwise than now. Whatever has the same id
 * can be compared.
 */
export type ModelId = string;

/**
 * The id of a revision of a model.
 * @throws FacegraphError `InvalidInput` for an unknown name.
 */
export function modelId(name: string, revision: number): ModelId {
  return manifest(name).revision === revision ? name : `${name}@${revision}`;
}

/**
 * The model of an id, whatever the revision: its manifest, but the crop and the input, holds for all.
 * @throws FacegraphError `InvalidInput` for an unknown name.
 */
export function modelOf(id: ModelId): { readonly model: Manifest; readonly revision: number } {
  const [, name, past] = /^(.*)@([1-9]\d*)$/.exec(id) ?? [id, id];
  const model = manifest(name);
  return { model, revision: past === undefined ? model.revision : Number(past) };
}

/**
 * The model that makes embeddings of this id.
 * @throws FacegraphError `ModelMismatch` when none does any more, `InvalidInput` for an unknown name.
 */
export function currentModel(id: ModelId): Manifest {
  const { model, revision } = modelOf(id);
  if (revision === model.revision) return model;
  throw new FacegraphError(
    'ModelMismatch',
    `these embeddings are by revision ${revision} of ${model.name}, which cut faces otherwise than revision ${model.revision} does: embed them anew with reembed`,
  );
}
