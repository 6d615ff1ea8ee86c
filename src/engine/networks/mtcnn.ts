import type { Activation, Conv, Dense, Network, Pool } from '../network.ts';

/**
 * The three networks of MTCNN as in ipazc/mtcnn 0.1: VALID convolutions, PReLU, pools that round up.
 * Input is RGB, (x − 127.5) / 128. The sibling heads of each network are one layer here; channels of
 * a head: 0–1 logits (not a face, a face), 2–5 box regression x1 y1 x2 y2, O-Net 6–15 landmarks
 * (five x, then five y) as fractions of the box.
 */

const conv = (
  name: string,
  x: string,
  kernel: number,
  cin: number,
  cout: number,
  activation: Activation = 'prelu',
): Conv => ({
  op: 'conv',
  name,
  x,
  cin,
  cout,
  kernel: [kernel, kernel],
  stride: [1, 1],
  pad: [0, 0, 0, 0],
  activation,
  bias: true,
});

const pool = (name: string, x: string, kernel: number): Pool => ({
  op: 'maxPool',
  name,
  x,
  kernel: [kernel, kernel],
  stride: [2, 2],
  pad: [0, 0, 0, 0],
  ceil: true,
});

const dense = (
  name: string,
  x: string,
  cin: number,
  cout: number,
  activation: Activation,
): Dense => ({ op: 'dense', name, x, cin, cout, activation, bias: true });

/** Any H, W ≥ 12; one output cell per 2 pixels, each seeing 12 × 12. */
export const pnet: Network = {
  name: 'pnet',
  input: [0, 0, 3],
  layers: [
    conv('pnet/conv1', 'input', 3, 3, 10),
    pool('pnet/pool1', 'pnet/conv1', 2),
    conv('pnet/conv2', 'pnet/pool1', 3, 10, 16),
    conv('pnet/conv3', 'pnet/conv2', 3, 16, 32),
    conv('pnet/head', 'pnet/conv3', 1, 32, 6, 'none'),
  ],
  outputs: ['pnet/head'],
};

export const rnet: Network = {
  name: 'rnet',
  input: [24, 24, 3],
  layers: [
    conv('rnet/conv1', 'input', 3, 3, 28),
    pool('rnet/pool1', 'rnet/conv1', 3),
    conv('rnet/conv2', 'rnet/pool1', 3, 28, 48),
    pool('rnet/pool2', 'rnet/conv2', 3),
    conv('rnet/conv3', 'rnet/pool2', 2, 48, 64),
    dense('rnet/fc', 'rnet/conv3', 576, 128, 'prelu'),
    dense('rnet/head', 'rnet/fc', 128, 6, 'none'),
  ],
  outputs: ['rnet/head'],
};

export const onet: Network = {
  name: 'onet',
  input: [48, 48, 3],
  layers: [
    conv('onet/conv1', 'input', 3, 3, 32),
    pool('onet/pool1', 'onet/conv1', 3),
    conv('onet/conv2', 'onet/pool1', 3, 32, 64),
    pool('onet/pool2', 'onet/conv2', 3),
    conv('onet/conv3', 'onet/pool2', 3, 64, 64),
    pool('onet/pool3', 'onet/conv3', 2),
    conv('onet/conv4', 'onet/pool3', 2, 64, 128),
    dense('onet/fc', 'onet/conv4', 1152, 256, 'prelu'),
    dense('onet/head', 'onet/fc', 256, 16, 'none'),
  ],
  outputs: ['onet/head'],
};
