import { tiledShape, winogradPays } from '../kernels/winograd.ts';
import { type Conv, type Network, type Shape, shapes } from './network.ts';

/**
 * The convolutions of a network that are computed by Winograd's algorithm. A network for images of any
 * size has none: what is chosen for one size would be for all.
 */
export function winogradLayers(network: Network): ReadonlySet<string> {
  const [h, w] = network.input;
  if (h === 0 || w === 0) return new Set();
  const known = shapes(network, [1, ...network.input]);
  const chosen = network.layers.filter((layer) => {
    if (layer.op !== 'conv') return false;
    const [, ...out] = known.get(layer.name)!;
    return winogradPays({
      ...layer,
      out: [out[0], out[1]],
      residual: layer.residual !== undefined,
    });
  });
  return new Set(chosen.map(({ name }) => name));
}

/** Names of the tensors between the steps of a layer. */
export function scratchNames(layer: string): [tiles: string, products: string] {
  return [`${layer} tiles`, `${layer} products`];
}

/** Shapes of the tensors between the steps of a layer with this output. */
export function scratchShapes(layer: Conv, output: Shape): [tiles: Shape, products: Shape] {
  return [tiledShape(output, layer.cin), tiledShape(output, layer.cout)];
}
