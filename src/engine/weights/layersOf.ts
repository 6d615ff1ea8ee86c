import type { Conv, Dense, Layer, Network } from '../network.ts';
import { inceptionResnetV1 } from '../networks/inceptionResnetV1.ts';
import { onet, pnet, rnet } from '../networks/mtcnn.ts';
import {
  RESNET50_IMAGENET,
  RESNET50_VGGFACE2,
  resnet50,
  SENET50_VGGFACE2,
} from '../networks/resnet50.ts';

export type WeightedLayer = Conv | Dense;

const NETWORKS: Record<string, (classifier: boolean) => readonly Network[]> = {
  mtcnn: () => [pnet, rnet, onet],
  'inception-resnet-v1': () => [inceptionResnetV1],
  'senet50-vggface2': (classifier) => [resnet50(SENET50_VGGFACE2, classifier)],
  'resnet50-vggface2': (classifier) => [resnet50(RESNET50_VGGFACE2, classifier)],
  'resnet50-imagenet': (classifier) => [resnet50(RESNET50_IMAGENET, classifier)],
};

/** Names a manifest may give as its network. */
export const NETWORK_NAMES = Object.keys(NETWORKS);

/** The networks of a manifest: one, or the three of MTCNN. */
export function networksOf(network: string, classifier: boolean): readonly Network[] {
  return NETWORKS[network](classifier);
}

/** The layers with weights of a manifest's network, in order. */
export function layersOf(network: string, classifier: boolean): readonly WeightedLayer[] {
  return networksOf(network, classifier).flatMap(({ layers }) => layers.filter(isWeighted));
}

function isWeighted(layer: Layer): layer is WeightedLayer {
  return layer.op === 'conv' || layer.op === 'dense';
}
