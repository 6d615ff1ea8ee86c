import { FacegraphError } from '../errors.ts';
import { type Gpu, openGpu, type Replacements } from '../gpu/device.ts';
import { createDetector, type Detector } from './detect.ts';
import { createEmbeddingNetwork, type EmbeddingNetwork } from './embed.ts';
import type { Embedder, Engine } from './engine.ts';
import type { Image } from './image/image.ts';
import { createImageBuffer, type ImageBuffer } from './imageBuffer.ts';
import { profileModel } from './profile/profileModel.ts';
import { createSearchIndex } from './searchIndex.ts';
import { labels } from './weights/labels.ts';
import { networksOf } from './weights/layersOf.ts';
import { loadWeights } from './weights/load.ts';
import { type Manifest, manifest } from './weights/manifest.ts';

/** Everything that lives on one device and goes with it. */
interface Session {
  readonly gpu: Gpu;
  readonly image: ImageBuffer;
  detector?: Detector;
  readonly networks: Map<string, EmbeddingNetwork>;
}

const BLANK: Image = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };

/**
 * Opens the engine on the best adapter. Networks are loaded when first used. When the device is
 * lost, calls in flight fail with `DeviceLost` and the next one opens a new device.
 * @param replaced WGSL to run in place of kernels, for a profile.
 * @throws FacegraphError `NoAdapter` when there is no WebGPU adapter.
 */
export async function openEngine(replaced?: Replacements): Promise<Engine> {
  let session = await openSession(replaced);
  let profiling = false;
  let tail: Promise<unknown> = Promise.resolve();
  let closed = false;

  const onSession = <T>(task: (session: Session) => Promise<T>): Promise<T> => {
    const result = tail.then(async () => {
      if (closed) throw new FacegraphError('EngineBusy', 'the engine is shutting down');
      if (session.gpu.lost) session = await openSession(replaced);
      return task(session);
    });
    tail = result.catch(() => undefined);
    return result;
  };

  return {
    adapter: session.gpu.adapter,
    async detect(image, options = {}) {
      return onSession(async (s) => (await detector(s)).detect(s.image.load(image), options));
    },
    async embedder(name) {
      const model = manifest(name);
      if (model.kind !== 'embedder')
        throw new FacegraphError('InvalidInput', `${name} is not an embedding model`);
      await onSession((s) => network(s, model));
      return embedder(model, (image, faces) =>
        onSession(async (s) => (await network(s, model)).run(s.image.load(image), faces)),
      );
    },
    index: (dimensions, format) =>
      createSearchIndex(dimensions, (task) => onSession((s) => task(s.gpu)), format),
    async profile(options) {
      if (profiling) throw new FacegraphError('EngineBusy', 'another profile is being made');
      profiling = true;
      try {
        const { gpu } = await onSession(async (s) => s);
        return await profileModel(gpu, options, (task) =>
          onSession(async (s) => {
            // What it had on the old device is gone.
            if (s.gpu !== gpu) throw new FacegraphError('DeviceLost', 'the GPU device was lost');
            return task();
          }),
        );
      } finally {
        profiling = false;
      }
    },
    async close() {
      await onSession(async (s) => closeSession(s)).catch(() => undefined);
      closed = true;
    },
  };
}

async function openSession(replaced?: Replacements): Promise<Session> {
  const gpu = await openGpu(replaced);
  return { gpu, image: createImageBuffer(gpu), networks: new Map() };
}

function closeSession({ gpu, image, detector, networks }: Session): void {
  detector?.destroy();
  for (const net of networks.values()) net.destroy();
  image.destroy();
  gpu.device.destroy();
}

async function detector(session: Session): Promise<Detector> {
  if (!session.detector) {
    const made = createDetector(session.gpu, await loadWeights('mtcnn'));
    await made.warmUp(session.image.load(BLANK));
    session.detector = made;
  }
  return session.detector;
}

async function network(session: Session, model: Manifest): Promise<EmbeddingNetwork> {
  let net = session.networks.get(model.name);
  if (!net) {
    const tensors = await loadWeights(model.name);
    const [layers] = networksOf(model.network, tensors.has('classifier/weight'));
    net = createEmbeddingNetwork(session.gpu, model, layers, tensors);
    await net.warmUp(session.image.load(BLANK));
    session.networks.set(model.name, net);
  }
  return net;
}

function embedder(model: Manifest, run: EmbeddingNetworkRun): Embedder {
  return {
    model: model.name,
    dimensions: model.dimensions!,
    threshold: model.threshold!,
    async embed(image, faces) {
      const [embeddings] = await run(image, faces);
      return embeddings.map(normalised);
    },
    async classify(image, faces, top) {
      const [, probabilities] = await run(image, faces);
      if (!probabilities)
        throw new FacegraphError(
          'ModelUnavailable',
          `the weights of ${model.name} on this machine have no classifier`,
        );
      const names = await labels(model.name);
      return probabilities.map((row) =>
        [...row.keys()]
          .sort((a, b) => row[b] - row[a])
          .slice(0, top)
          .map((i) => ({ name: names[i], probability: row[i] })),
      );
    },
  };
}

type EmbeddingNetworkRun = (
  image: Image,
  faces: Parameters<EmbeddingNetwork['run']>[1],
) => Promise<Float32Array[][]>;

function normalised(v: Float32Array): Float32Array {
  const norm = Math.hypot(...v) || 1;
  return v.map((x) => x / norm);
}
