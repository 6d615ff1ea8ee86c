import type { Activation, Conv, Layer, Network, Size } from '../network.ts';

/**
 * Inception-ResNet-v1 as in FaceNet 20180402-114759: 160 × 160 × 3 in, `embeddings` [N, 1, 1, 512]
 * out, L2-normalised. Layer names are the graph's scopes under `InceptionResnetV1/`.
 * Batch norm has no gamma, epsilon 1e-3; the 1×1 "up" convolutions have a bias instead, and the
 * scale of their residual branch folds into them.
 */

const BATCH_NORM = { epsilon: 1e-3, gamma: false } as const;

interface ConvOptions {
  stride?: number;
  padding?: 'same' | 'valid';
}

class Builder {
  readonly layers: Layer[] = [];

  conv(name: string, x: string, kernel: Size, cin: number, cout: number, o: ConvOptions = {}) {
    const { stride = 1, padding = 'same' } = o;
    const [ph, pw] = padding === 'same' ? [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2] : [0, 0];
    const layer: Conv = {
      op: 'conv',
      name,
      x,
      cin,
      cout,
      kernel,
      stride: [stride, stride],
      pad: [ph, pw, ph, pw],
      activation: 'relu',
      bias: false,
      batchNorm: BATCH_NORM,
    };
    this.layers.push(layer);
    return name;
  }

  concat(name: string, xs: string[]) {
    this.layers.push({ op: 'concat', name, xs });
    return name;
  }

  maxPool(name: string, x: string) {
    this.layers.push({
      op: 'maxPool',
      name,
      x,
      kernel: [3, 3],
      stride: [2, 2],
      pad: [0, 0, 0, 0],
      ceil: false,
    });
    return name;
  }

  /** activation(x + scale · up(mixed)); the layer carries the block's name for the ending sum. */
  up(
    block: string,
    x: string,
    mixed: string,
    cin: number,
    cout: number,
    scale: number,
    activation: Activation,
  ) {
    this.layers.push({
      op: 'conv',
      name: `${block}/Conv2d_1x1`,
      x: mixed,
      cin,
      cout,
      kernel: [1, 1],
      stride: [1, 1],
      pad: [0, 0, 0, 0],
      activation,
      bias: true,
      scale,
      residual: x,
    });
    return `${block}/Conv2d_1x1`;
  }

  /** 17 × 17 × 256. */
  block35(block: string, x: string) {
    const b0 = this.conv(`${block}/Branch_0/Conv2d_1x1`, x, [1, 1], 256, 32);
    const b1a = this.conv(`${block}/Branch_1/Conv2d_0a_1x1`, x, [1, 1], 256, 32);
    const b1 = this.conv(`${block}/Branch_1/Conv2d_0b_3x3`, b1a, [3, 3], 32, 32);
    const b2a = this.conv(`${block}/Branch_2/Conv2d_0a_1x1`, x, [1, 1], 256, 32);
    const b2b = this.conv(`${block}/Branch_2/Conv2d_0b_3x3`, b2a, [3, 3], 32, 32);
    const b2 = this.conv(`${block}/Branch_2/Conv2d_0c_3x3`, b2b, [3, 3], 32, 32);
    const mixed = this.concat(`${block}/concat`, [b0, b1, b2]);
    return this.up(block, x, mixed, 96, 256, 0.17, 'relu');
  }

  /** 8 × 8 × 896. */
  block17(block: string, x: string) {
    const b0 = this.conv(`${block}/Branch_0/Conv2d_1x1`, x, [1, 1], 896, 128);
    const b1a = this.conv(`${block}/Branch_1/Conv2d_0a_1x1`, x, [1, 1], 896, 128);
    const b1b = this.conv(`${block}/Branch_1/Conv2d_0b_1x7`, b1a, [1, 7], 128, 128);
    const b1 = this.conv(`${block}/Branch_1/Conv2d_0c_7x1`, b1b, [7, 1], 128, 128);
    const mixed = this.concat(`${block}/concat`, [b0, b1]);
    return this.up(block, x, mixed, 256, 896, 0.1, 'relu');
  }

  /** 3 × 3 × 1792. */
  block8(block: string, x: string, scale: number, activation: Activation) {
    const b0 = this.conv(`${block}/Branch_0/Conv2d_1x1`, x, [1, 1], 1792, 192);
    const b1a = this.conv(`${block}/Branch_1/Conv2d_0a_1x1`, x, [1, 1], 1792, 192);
    const b1b = this.conv(`${block}/Branch_1/Conv2d_0b_1x3`, b1a, [1, 3], 192, 192);
    const b1 = this.conv(`${block}/Branch_1/Conv2d_0c_3x1`, b1b, [3, 1], 192, 192);
    const mixed = this.concat(`${block}/concat`, [b0, b1]);
    return this.up(block, x, mixed, 384, 1792, scale, activation);
  }
}

function build(): Network {
  const b = new Builder();
  const valid = { padding: 'valid' } as const;
  const half = { stride: 2, padding: 'valid' } as const;

  let x = b.conv('Conv2d_1a_3x3', 'input', [3, 3], 3, 32, half);
  x = b.conv('Conv2d_2a_3x3', x, [3, 3], 32, 32, valid);
  x = b.conv('Conv2d_2b_3x3', x, [3, 3], 32, 64);
  x = b.maxPool('MaxPool_3a_3x3', x);
  x = b.conv('Conv2d_3b_1x1', x, [1, 1], 64, 80, valid);
  x = b.conv('Conv2d_4a_3x3', x, [3, 3], 80, 192, valid);
  x = b.conv('Conv2d_4b_3x3', x, [3, 3], 192, 256, half);

  for (let i = 1; i <= 5; i++) x = b.block35(`Repeat/block35_${i}`, x);

  const m6b0 = b.conv('Mixed_6a/Branch_0/Conv2d_1a_3x3', x, [3, 3], 256, 384, half);
  const m6b1a = b.conv('Mixed_6a/Branch_1/Conv2d_0a_1x1', x, [1, 1], 256, 192);
  const m6b1b = b.conv('Mixed_6a/Branch_1/Conv2d_0b_3x3', m6b1a, [3, 3], 192, 192);
  const m6b1 = b.conv('Mixed_6a/Branch_1/Conv2d_1a_3x3', m6b1b, [3, 3], 192, 256, half);
  const m6b2 = b.maxPool('Mixed_6a/Branch_2/MaxPool_1a_3x3', x);
  x = b.concat('Mixed_6a', [m6b0, m6b1, m6b2]);

  for (let i = 1; i <= 10; i++) x = b.block17(`Repeat_1/block17_${i}`, x);

  const m7b0a = b.conv('Mixed_7a/Branch_0/Conv2d_0a_1x1', x, [1, 1], 896, 256);
  const m7b0 = b.conv('Mixed_7a/Branch_0/Conv2d_1a_3x3', m7b0a, [3, 3], 256, 384, half);
  const m7b1a = b.conv('Mixed_7a/Branch_1/Conv2d_0a_1x1', x, [1, 1], 896, 256);
  const m7b1 = b.conv('Mixed_7a/Branch_1/Conv2d_1a_3x3', m7b1a, [3, 3], 256, 256, half);
  const m7b2a = b.conv('Mixed_7a/Branch_2/Conv2d_0a_1x1', x, [1, 1], 896, 256);
  const m7b2b = b.conv('Mixed_7a/Branch_2/Conv2d_0b_3x3', m7b2a, [3, 3], 256, 256);
  const m7b2 = b.conv('Mixed_7a/Branch_2/Conv2d_1a_3x3', m7b2b, [3, 3], 256, 256, half);
  const m7b3 = b.maxPool('Mixed_7a/Branch_3/MaxPool_1a_3x3', x);
  x = b.concat('Mixed_7a', [m7b0, m7b1, m7b2, m7b3]);

  for (let i = 1; i <= 5; i++) x = b.block8(`Repeat_2/block8_${i}`, x, 0.2, 'relu');
  x = b.block8('Block8', x, 1, 'none');

  b.layers.push({ op: 'globalAverage', name: 'AvgPool_1a_8x8', x });
  b.layers.push({
    op: 'dense',
    name: 'Bottleneck',
    x: 'AvgPool_1a_8x8',
    cin: 1792,
    cout: 512,
    activation: 'none',
    bias: false,
    batchNorm: BATCH_NORM,
  });
  b.layers.push({ op: 'l2normalize', name: 'embeddings', x: 'Bottleneck' });
  return {
    name: 'facenet-vggface2',
    input: [160, 160, 3],
    layers: b.layers,
    outputs: ['embeddings'],
  };
}

export const inceptionResnetV1: Network = build();
