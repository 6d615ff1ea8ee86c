import { expect, it } from 'vitest';
import type { Network, Shape } from '../src/engine/network.ts';
import { layOutNetwork, planNetwork } from '../src/engine/networkPlan.ts';
import { onet, pnet, rnet } from '../src/engine/networks/mtcnn.ts';
import { networksOf } from '../src/engine/weights/layersOf.ts';
import { manifest } from '../src/engine/weights/manifest.ts';
import { closeScope, storage } from '../src/gpu/plan.ts';
import { testScope } from './support/gpu.ts';

/** Plans a network without its weights: no kernel runs. */
async function plan(network: Network, input: Shape): Promise<string[]> {
  const scope = await testScope();
  try {
    const layout = layOutNetwork(network, input);
    const arena = storage(scope, layout.arena.bytes, 'arena');
    const none = { buffer: storage(scope, 256, 'weights') };
    const weights = new Map(
      network.layers.map(({ name }) => [
        name,
        { weight: none, bias: none, slope: none, zeros: none },
      ]),
    );
    const { steps } = await planNetwork(scope, layout, weights, arena);
    return steps.map(({ kernel, constants }) =>
      [kernel, ...Object.values(constants).slice(0, 3)].join(' '),
    );
  } finally {
    closeScope(scope);
  }
}

/**
 * Each is a good part of a second that lavapipe compiles on a cold start, so none should come by
 * accident. Of a convolution: output pixels of an invocation, vec4s of channels, input channels of a
 * turn; 1 4 3 only where subgroups are large, those of 7 to 9 pixels only where they are small.
 */
const PIPELINES = [
  'conv 1 4 3',
  'conv 1 4 4',
  'conv 1 8 4',
  'conv 4 4 2',
  'conv 4 4 3',
  'conv 4 8 2',
  'conv 7 8 2',
  'conv 8 8 2',
  'conv 9 8 2',
  'gate 8',
  'globalAverage',
  'pool',
  'rows false',
  'rows true',
  'winogradInput',
  'winogradOutput',
];

it('detection and all embedders share a handful of pipelines', async () => {
  const names = new Set<string>();
  const add = async (network: Network, input: Shape) => {
    for (const name of await plan(network, input)) names.add(name);
  };
  await add(pnet, [1, 500, 500, 3]);
  await add(pnet, [1, 12, 12, 3]);
  for (const n of [1, 64])
    for (const network of [rnet, onet]) await add(network, [n, ...network.input]);
  for (const model of ['facenet-vggface2', 'senet50-vggface2', 'resnet50-vggface2']) {
    const [network] = networksOf(manifest(model).network, true);
    for (const n of [1, 2, 4, 8]) await add(network, [n, ...network.input]);
  }
  expect(PIPELINES).toEqual(expect.arrayContaining([...names]));
  expect(names.size).toBeGreaterThanOrEqual(PIPELINES.length - 3);
});
