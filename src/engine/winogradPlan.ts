import type { Scope } from '../gpu/plan.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { winograd } from '../kernels/winograd.ts';
import { productsReference, tilesReference } from '../kernels/winogradReference.ts';
import type { Conv } from './network.ts';
import { layerReference } from './networkReference.ts';
import type { PlannedStep } from './plannedStep.ts';
import type { LayerWeights } from './weightBuffer.ts';
import { scratchNames } from './winogradLayers.ts';

/** The three steps of a layer. */
export async function planWinograd(
  scope: Scope,
  layer: Conv,
  weights: LayerWeights,
  tensor: (name: string) => Tensor,
): Promise<PlannedStep[]> {
  const [x, y] = [tensor(layer.x), tensor(layer.name)];
  const [tiles, products] = scratchNames(layer.name).map(tensor);
  const pad = [layer.pad[0], layer.pad[3]] as const;
  const { activation } = layer;
  const made = await winograd(scope, {
    ...weights,
    zeros: weights.zeros!,
    label: layer.name,
    x,
    y,
    tiles,
    products,
    pad,
    activation,
  });
  const out = [y.shape[1], y.shape[2]] as const;
  return [
    {
      ...made[0],
      layer,
      inputs: [x],
      output: tiles,
      reference: ([a]) => tilesReference(a, out, pad),
    },
    {
      ...made[1],
      layer,
      inputs: [tiles],
      output: products,
      reference: ([a], all) => productsReference(a, all.get(`${layer.name}/weight`)!.data),
    },
    // The last is held to what the layer as a whole should be.
    {
      ...made[2],
      layer,
      inputs: [x],
      output: y,
      reference: (inputs, all) => layerReference(layer, inputs, all),
    },
  ];
}
