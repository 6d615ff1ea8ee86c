import type { Gpu } from '../../gpu/device.ts';
import type { Array4 } from '../../kernels/reference.ts';
import { NETWORK_NMSE } from '../../kernels/tolerance.ts';
import { evaluate } from '../networkReference.ts';
import { toOnnx } from '../onnx.ts';
import { runOnnx } from '../onnxruntime.ts';
import { compare, type NetworkParity, type Pair, readTensors } from './parity.ts';
import type { Part, Section } from './section.ts';

/** Work that the scalar reference does in a few seconds. */
const PATIENCE = 2e8;

/**
 * Compares the outputs of a section's networks with onnxruntime's or, where that is missing and the
 * networks are small, with the scalar reference's; null where neither will do.
 */
export async function networkParity(
  gpu: Gpu,
  section: Pick<Section, 'parts'>,
): Promise<NetworkParity | null> {
  const pairs: Pair[] = [];
  let power = 0;
  let against: NetworkParity['against'] = 'onnxruntime';
  for (const part of section.parts) {
    const { network, feed, plan } = part;
    const [x] = await readTensors(gpu, [feed], [plan.input]);
    const tensors = [...plan.outputs.values()];
    const outputs = await readTensors(gpu, [feed, ...plan.steps], tensors);
    const expected = (await byOnnx(part, x)) ?? byReference(part, x);
    if (!expected) return null;
    against = expected.against;
    [...plan.outputs.keys()].forEach((name, o) => {
      const r = expected.outputs.get(name);
      if (!r) throw new Error(`${network.name}: the reference has no output ${name}`);
      for (const [i, value] of outputs[o].data.entries()) {
        pairs.push([value, r.data[i]]);
        power += r.data[i] ** 2;
      }
    });
  }
  const parity = compare(pairs, pairs.length);
  const nmse = parity.rms === null ? null : (parity.rms ** 2 * parity.n) / power;
  const right = nmse !== null && nmse <= NETWORK_NMSE;
  return { ...parity, outside: right ? 0 : parity.n, nmse, against };
}

interface Opinion {
  readonly against: NetworkParity['against'];
  readonly outputs: ReadonlyMap<string, Array4>;
}

async function byOnnx({ network, tensors }: Part, x: Array4): Promise<Opinion | null> {
  const [n, h, w] = x.shape;
  const outputs = await runOnnx(toOnnx(network, tensors, { input: [n, h, w] }), x);
  return outputs ? { against: 'onnxruntime', outputs } : null;
}

function byReference({ network, tensors, plan }: Part, x: Array4): Opinion | null {
  const flop = plan.steps.reduce((sum, { cost }) => sum + cost.flop, 0);
  return flop > PATIENCE
    ? null
    : { against: 'scalar reference', outputs: evaluate(network, tensors, x) };
}
