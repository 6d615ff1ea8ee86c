import type { InferenceSession } from 'onnxruntime-node';
import type { Network, Shape } from '../src/engine/network.ts';
import { onet, pnet, rnet } from '../src/engine/networks/mtcnn.ts';
import { type OnnxInput, toOnnx } from '../src/engine/onnx.ts';
import type { Parameter } from '../src/engine/weightBuffer.ts';
import type { PeerNetworks, RunNetwork } from './peerCascade.ts';

// onnxruntime reports usage to its makers unless told otherwise before it is loaded.
process.env.ORT_DISABLE_TELEMETRY = '1';
const ort = await import('onnxruntime-node');

/** An execution provider of onnxruntime. */
export type Provider = 'webgpu' | 'cpu';

export interface Peer<T> {
  readonly run: T;
  close(): Promise<void>;
}

/** A network on onnxruntime by our own ONNX export; runs return its first output. */
export async function openPeer(
  provider: Provider,
  network: Network,
  tensors: ReadonlyMap<string, Parameter>,
  input?: OnnxInput,
): Promise<Peer<RunNetwork>> {
  const session: InferenceSession = await ort.InferenceSession.create(
    toOnnx(network, tensors, { input }),
    { executionProviders: [provider] },
  );
  const [output] = network.outputs;
  return {
    async run(x: Float32Array, shape: Shape) {
      const result = await session.run({ input: new ort.Tensor('float32', x, shape) });
      return result[output].data as Float32Array;
    },
    close: () => session.release(),
  };
}

/** The three networks of the cascade, any size and batch. */
export async function openPeerCascade(
  provider: Provider,
  tensors: ReadonlyMap<string, Parameter>,
): Promise<Peer<PeerNetworks>> {
  const peers = await Promise.all(
    [pnet, rnet, onet].map((network) => openPeer(provider, network, tensors)),
  );
  const [p, r, o] = peers.map(({ run }) => run);
  return {
    run: { pnet: p, rnet: r, onet: o },
    async close() {
      for (const peer of peers) await peer.close();
    },
  };
}
