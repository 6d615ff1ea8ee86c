import type { Network } from '../../src/engine/network.ts';
import { layOutNetwork, planNetwork } from '../../src/engine/networkPlan.ts';
import { toOnnx } from '../../src/engine/onnx.ts';
import { runOnnx } from '../../src/engine/onnxruntime.ts';
import { type Parameter, uploadWeights } from '../../src/engine/weightBuffer.ts';
import { closeScope, storage } from '../../src/gpu/plan.ts';
import { upload } from '../../src/gpu/tensor.ts';
import type { Array4 } from '../../src/kernels/reference.ts';
import { poison, run, testScope } from './gpu.ts';

/** Runs a network once and returns the tensors it names as outputs. */
export type Runner = (
  network: Network,
  tensors: ReadonlyMap<string, Parameter>,
  x: Array4,
) => Promise<Map<string, Array4>>;

/** onnxruntime's CPU provider on our ONNX export. */
export const onOnnxruntime: Runner = async (network, tensors, x) => {
  const input = [x.shape[0], x.shape[1], x.shape[2]] as const;
  return (await runOnnx(toOnnx(network, tensors, { input }), x))!;
};

/** Our plan on the GPU, over an arena full of NaN. */
export const onGpu: Runner = async (network, tensors, { shape, data }) => {
  const scope = await testScope();
  try {
    const layout = layOutNetwork(network, shape);
    const arena = storage(scope, layout.arena.bytes, `${network.name} arena`);
    const weights = uploadWeights(scope, network, tensors);
    const plan = await planNetwork(scope, layout, weights, arena);
    poison(scope.gpu, arena);
    upload(scope.gpu, plan.input, data);
    const outputs = [...plan.outputs];
    const values = await run(
      scope,
      plan.steps,
      outputs.map(([, tensor]) => tensor),
    );
    return new Map(
      outputs.map(([name, tensor], i) => [name, { shape: tensor.shape, data: values[i] }]),
    );
  } finally {
    closeScope(scope);
  }
};
