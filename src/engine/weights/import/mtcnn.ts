import { FacegraphError } from '../../../errors.ts';
import type { SourceNames } from '../fold.ts';
import type { WeightedLayer } from '../layersOf.ts';
import { sizeOf, type Tensor, type Tensors } from '../tensor.ts';

interface Stage {
  readonly name: string;
  readonly convolutions: number;
  /** The dense layer after flatten, whose input was H × W × C. */
  readonly dense?: { readonly size: number; readonly channels: number };
  /** Sibling heads in channel order: face logits, box regression, landmarks. */
  readonly heads: readonly string[];
}

const STAGES: readonly Stage[] = [
  { name: 'pnet', convolutions: 3, heads: ['conv4_1', 'conv4_2'] },
  {
    name: 'rnet',
    convolutions: 3,
    dense: { size: 3, channels: 64 },
    heads: ['fc2_1', 'fc2_2'],
  },
  {
    name: 'onet',
    convolutions: 4,
    dense: { size: 3, channels: 128 },
    heads: ['fc2_1', 'fc2_2', 'fc2_3'],
  },
];

/** After `arrangeMtcnn` tensors bear the names of our own layers. */
export function mtcnnNames({ name }: WeightedLayer): SourceNames {
  return { weight: `${name}/weight`, bias: `${name}/bias`, slope: `${name}/slope` };
}

/**
 * The tensors of the tfjs MTCNN for upright images, by the names of our layers.
 *
 * They were trained on transposed images, so kernels are [W, H, Cin, Cout] and the dense layer
 * after flatten expects W H C order; both are turned round here, once. Sibling heads are joined
 * along their output channels. Channels stay R G B, as trained: the published example on `ivan.jpg`
 * was read by OpenCV as B G R, but fed so the cascade loses 3 of 100 LFW faces and most masked ones.
 * Tensors of no known name stay, for the check of extras to report.
 * @throws FacegraphError `WeightsInvalid` when a tensor is missing or misshapen.
 */
export function arrangeMtcnn(source: Tensors): Tensors {
  const rest = new Map(source);
  const arranged: Tensors = new Map();
  const take = (name: string, rank: number): Tensor => {
    const tensor = rest.get(name);
    if (tensor?.shape.length !== rank)
      throw new FacegraphError('WeightsInvalid', `${name} is missing or not of rank ${rank}`);
    rest.delete(name);
    return tensor;
  };
  for (const { name, convolutions, dense, heads } of STAGES) {
    for (let i = 1; i <= convolutions; i++) {
      arranged.set(`${name}/conv${i}/weight`, swapAxes(take(`${name}/conv${i}/weights`, 4)));
      arranged.set(`${name}/conv${i}/bias`, take(`${name}/conv${i}/bias`, 1));
      arranged.set(`${name}/conv${i}/slope`, take(`${name}/prelu${i}_alpha`, 1));
    }
    if (dense) {
      const weight = take(`${name}/fc1/weights`, 2);
      arranged.set(`${name}/fc/weight`, permuteRows(name, weight, dense.size, dense.channels));
      arranged.set(`${name}/fc/bias`, take(`${name}/fc1/bias`, 1));
      arranged.set(`${name}/fc/slope`, take(`${name}/prelu${convolutions + 1}_alpha`, 1));
    }
    const rank = dense ? 2 : 4;
    const weights = heads.map((head) => take(`${name}/${head}/weights`, rank));
    const biases = heads.map((head) => take(`${name}/${head}/bias`, 1));
    arranged.set(`${name}/head/weight`, join(weights));
    arranged.set(`${name}/head/bias`, join(biases));
  }
  return new Map([...arranged, ...rest]);
}

function swapAxes({ shape, data }: Tensor): Tensor {
  const [w, h, cin, cout] = shape;
  const run = cin * cout;
  const swapped = new Float32Array(data.length);
  for (let x = 0; x < w; x++)
    for (let y = 0; y < h; y++)
      swapped.set(data.subarray((x * h + y) * run, (x * h + y + 1) * run), (y * w + x) * run);
  return { shape: [h, w, cin, cout], data: swapped };
}

/** Rows from W H C to H W C order of a square feature map. */
function permuteRows(stage: string, tensor: Tensor, size: number, channels: number): Tensor {
  const [rows, cout] = tensor.shape;
  if (rows !== size * size * channels)
    throw new FacegraphError('WeightsInvalid', `${stage}/fc1/weights has ${rows} rows`);
  const run = swapAxes({ shape: [size, size, channels, cout], data: tensor.data });
  return { shape: tensor.shape, data: run.data };
}

function join(tensors: readonly Tensor[]): Tensor {
  const lead = tensors[0].shape.slice(0, -1);
  const widths = tensors.map(({ shape }) => shape[shape.length - 1]);
  const cout = widths.reduce((sum, width) => sum + width, 0);
  const rows = sizeOf(lead);
  const joined = new Float32Array(rows * cout);
  for (let row = 0; row < rows; row++) {
    let at = row * cout;
    tensors.forEach(({ data }, i) => {
      joined.set(data.subarray(row * widths[i], (row + 1) * widths[i]), at);
      at += widths[i];
    });
  }
  return { shape: [...lead, cout], data: joined };
}
