import type { Activation, Conv, Layer, Network, Pad } from '../network.ts';

/** What differs between the published ResNet50s. */
export interface ResNetVariant {
  readonly name: string;
  /** Squeeze-and-excitation after each block (SENet50). */
  readonly squeezeExcite: boolean;
  readonly epsilon: number;
  /** Convolutions that batch norm follows have a bias of their own. */
  readonly bias: boolean;
  readonly pad1: Pad;
  /** Padding of the first pool, ignored by its maximum. */
  readonly poolPad: Pad;
  /** Classes of the classifier. */
  readonly classes: number;
}

/** Blocks, squeezed channels and stride of stages 2 to 5. */
const STAGES = [
  { blocks: 3, width: 64, stride: 1 },
  { blocks: 4, width: 128, stride: 2 },
  { blocks: 6, width: 256, stride: 2 },
  { blocks: 3, width: 512, stride: 2 },
] as const;

/**
 * ResNet50 or SENet50 for 224 × 224 × 3, layer names as in keras-vggface. The stride of a stage
 * sits on its first 1×1 convolution and on the projection. Output `embedding` is [N, 1, 1, 2048],
 * not normalised; with `classifier`, `probabilities` is [N, 1, 1, classes] too.
 */
export function resnet50(variant: ResNetVariant, classifier: boolean): Network {
  const layers: Layer[] = [];
  const conv = (
    name: string,
    x: string,
    kernel: number,
    [cin, cout]: [number, number],
    options: { stride?: number; pad?: Pad; activation?: Activation; residual?: string } = {},
  ): string => {
    const { stride = 1, pad = [0, 0, 0, 0], activation = 'relu', residual } = options;
    const layer: Conv = {
      op: 'conv',
      name,
      x,
      cin,
      cout,
      kernel: [kernel, kernel],
      stride: [stride, stride],
      pad,
      activation,
      bias: variant.bias,
      batchNorm: { epsilon: variant.epsilon, gamma: true },
      residual,
    };
    layers.push(layer);
    return name;
  };
  const excite = (id: string, x: string, residual: string, channels: number): string => {
    layers.push({ op: 'globalAverage', name: `${id}_pool`, x });
    for (const [name, from, cin, cout, activation] of [
      [`${id}_1x1_down`, `${id}_pool`, channels, channels / 16, 'relu'],
      [`${id}_1x1_up`, `${id}_1x1_down`, channels / 16, channels, 'none'],
    ] as const)
      layers.push({ op: 'dense', name, x: from, cin, cout, activation, bias: true });
    layers.push({ op: 'gate', name: id, x, gate: `${id}_1x1_up`, residual });
    return id;
  };

  let x = conv('conv1/7x7_s2', 'input', 7, [3, 64], { stride: 2, pad: variant.pad1 });
  layers.push({
    op: 'maxPool',
    name: 'pool1',
    x,
    kernel: [3, 3],
    stride: [2, 2],
    pad: variant.poolPad,
    ceil: false,
  });
  x = 'pool1';
  let cin = 64;
  STAGES.forEach(({ blocks, width, stride: stageStride }, s) => {
    for (let block = 1; block <= blocks; block++) {
      const id = `conv${s + 2}_${block}`;
      const stride = block === 1 ? stageStride : 1;
      const cout = width * 4;
      const shortcut =
        block === 1 ? conv(`${id}_1x1_proj`, x, 1, [cin, cout], { stride, activation: 'none' }) : x;
      const reduced = conv(`${id}_1x1_reduce`, x, 1, [cin, width], { stride });
      const middle = conv(`${id}_3x3`, reduced, 3, [width, width], { pad: [1, 1, 1, 1] });
      x = variant.squeezeExcite
        ? excite(
            id,
            conv(`${id}_1x1_increase`, middle, 1, [width, cout], { activation: 'none' }),
            shortcut,
            cout,
          )
        : conv(`${id}_1x1_increase`, middle, 1, [width, cout], { residual: shortcut });
      cin = cout;
    }
  });
  layers.push({ op: 'globalAverage', name: 'embedding', x });
  if (classifier) {
    layers.push({
      op: 'dense',
      name: 'classifier',
      x: 'embedding',
      cin: 2048,
      cout: variant.classes,
      activation: 'none',
      bias: true,
    });
    layers.push({ op: 'softmax', name: 'probabilities', x: 'classifier' });
  }
  return {
    name: variant.name,
    input: [224, 224, 3],
    layers,
    outputs: classifier ? ['embedding', 'probabilities'] : ['embedding'],
  };
}

/** TensorFlow's 'same' for a 7×7 stride 2 window over 224: 2 before, 3 after. */
const SAME_7X7_S2: Pad = [2, 3, 3, 2];
const NONE: Pad = [0, 0, 0, 0];

export const SENET50_VGGFACE2: ResNetVariant = {
  name: 'senet50-vggface2',
  squeezeExcite: true,
  epsilon: 1e-4,
  bias: false,
  pad1: SAME_7X7_S2,
  poolPad: NONE,
  classes: 8631,
};

export const RESNET50_VGGFACE2: ResNetVariant = {
  name: 'resnet50-vggface2',
  squeezeExcite: false,
  epsilon: 1e-3,
  bias: false,
  pad1: SAME_7X7_S2,
  poolPad: NONE,
  classes: 8631,
};

/** The ImageNet model of keras-applications 1.0.7 and before, with our layer names. */
export const RESNET50_IMAGENET: ResNetVariant = {
  name: 'resnet50-imagenet',
  squeezeExcite: false,
  epsilon: 1e-3,
  bias: true,
  pad1: [3, 3, 3, 3],
  poolPad: [1, 1, 1, 1],
  classes: 1000,
};
