import { z } from 'zod';
import { FacegraphError } from '../../../errors.ts';
import { floats, sizeOf, type Tensors } from '../tensor.ts';

const Groups = z.array(
  z.object({
    paths: z.array(z.string()),
    weights: z.array(
      z.object({ name: z.string(), shape: z.array(z.number().int()), dtype: z.string() }),
    ),
  }),
);
/** A weights manifest by itself, or inside the model.json of a layers model. */
const Document = z.union([Groups, z.object({ weightsManifest: Groups })]);

/**
 * The tensors of a tfjs model by their own names: float32 values one after the other, across shards.
 * @param json a weights manifest, or the model.json that contains one.
 * @param shard the bytes of a shard by its path in the manifest.
 * @throws FacegraphError `WeightsInvalid` when values are missing or left over.
 */
export function readTfjs(json: unknown, shard: (path: string) => Uint8Array): Tensors {
  const parsed = Document.safeParse(json);
  if (!parsed.success) throw invalid('no weights manifest in it');
  const groups = Array.isArray(parsed.data) ? parsed.data : parsed.data.weightsManifest;
  const tensors: Tensors = new Map();
  for (const { paths, weights } of groups) {
    const bytes = Buffer.concat(paths.map(shard));
    let at = 0;
    for (const { name, shape, dtype } of weights) {
      if (dtype !== 'float32') throw invalid(`${name} is ${dtype}, not float32`);
      const end = at + sizeOf(shape) * 4;
      if (end > bytes.length) throw invalid(`the shards end before ${name} does`);
      tensors.set(name, { shape, data: floats(bytes.subarray(at, end)) });
      at = end;
    }
    if (at !== bytes.length) throw invalid(`${bytes.length - at} bytes are left over`);
  }
  return tensors;
}

function invalid(reason: string): FacegraphError {
  return new FacegraphError('WeightsInvalid', `not a usable tfjs model: ${reason}`);
}
