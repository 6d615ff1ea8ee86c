import { readFile } from 'node:fs/promises';
import { FacegraphError } from '../../errors.ts';
import { manifest, WEIGHTS_DIRECTORY } from './manifest.ts';

/**
 * The names of a model's classes, in the order of its classifier's outputs.
 * @throws FacegraphError `InvalidInput` when the model has no named classes.
 */
export async function labels(model: string): Promise<string[]> {
  const { labels: list, classes } = manifest(model);
  if (!list) throw new FacegraphError('InvalidInput', `${model} has no class names`);
  const names = (await readFile(WEIGHTS_DIRECTORY + list.file, 'utf8')).trimEnd().split('\n');
  if (names.length !== classes)
    throw new Error(`${list.file} has ${names.length} names for ${classes} classes`);
  return names;
}
