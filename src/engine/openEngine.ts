import { engineBusy, FacegraphError } from '../errors.ts';
import { type Gpu, openGpu, type Replacements } from '../gpu/device.ts';
import { createAdmission } from './admission.ts';
import { createDetector, type Detector } from './detect.ts';
import { createEmbeddingNetwork, type EmbeddingNetwork, LARGEST_BATCH } from './embed.ts';
import { createEmbedder } from './embedder.ts';
import type { Engine } from './engine.ts';
import type { Face } from './face.ts';
import { DEFAULT_QUEUE, type QueueLimits, type QueueObserver } from './fairQueue.ts';
import { type Batching, createGpuQueue, type Place } from './gpuQueue.ts';
import type { Image } from './image/image.ts';
import { checkFits, createImageBuffer, type ImageBuffer } from './imageBuffer.ts';
import { warmCeilings } from './profile/measure.ts';
import { profileModel } from './profile/profileModel.ts';
import { createSearchIndex } from './searchIndex.ts';
import { networksOf } from './weights/layersOf.ts';
import { hasWeights, loadWeights } from './weights/load.ts';
import { type Manifest, manifests } from './weights/manifest.ts';
import { currentModel } from './weights/revision.ts';

/** Faces of one image; of each output of the network, a row for each. */
type Embedding = Batching<FacesOf, Float32Array[][]>;

interface FacesOf {
  readonly image: Image;
  readonly faces: readonly Face[];
}

/** Everything that lives on one device and goes with it. */
interface Session {
  readonly gpu: Gpu;
  readonly image: ImageBuffer;
  detector?: Detector;
  readonly networks: Map<string, EmbeddingNetwork>;
}

/** How an engine is opened. */
export interface EngineOptions {
  /** Of what waits for the GPU. */
  readonly limits?: QueueLimits;
  readonly observe?: QueueObserver;
  /** Hears the number of faces of each run of an embedding network. */
  readonly batched?: (faces: number) => void;
  /** WGSL to run in place of kernels, for a profile. */
  readonly replaced?: Replacements;
}

/** The engine as the program that opened it sees it. */
export interface OpenedEngine extends Engine {
  /**
   * Loads every model whose weights are on this machine and compiles all that any request can need,
   * beside what else is asked for. A model that cannot be loaded is passed over: whoever asks for it
   * is told.
   * @param progress hears of each model that is ready.
   */
  warmUp(progress?: (model: string) => void): Promise<void>;
}

/** About what a profile takes on a software adapter. */
const PROFILE_SECONDS = 30;

const BLANK: Image = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };

/**
 * Opens the engine on the best adapter. Networks are loaded when first used. What is asked for waits
 * in one queue, in the name of its caller (`caller.ts`); faces of several callers share batches. When
 * the device is lost, calls in flight fail with `DeviceLost` and the next one opens a new device.
 * @throws FacegraphError `NoAdapter` when there is no WebGPU adapter.
 */
export async function openEngine(options: EngineOptions = {}): Promise<OpenedEngine> {
  const { limits = DEFAULT_QUEUE, observe, batched, replaced } = options;
  const queue = createGpuQueue({ limits, observe });
  const { admit, placeOf } = createAdmission(queue);
  let session = await openSession(replaced);
  let profiling = false;

  const onSession = async <T>(task: (session: Session) => Promise<T>): Promise<T> => {
    if (session.gpu.lost) session = await openSession(replaced);
    return task(session);
  };
  const inTurn = <T>(
    task: (session: Session) => Promise<T>,
    bytes = 0,
    place?: Place,
  ): Promise<T> => queue.run(() => onSession(task), bytes, place);

  const batchings = new Map<string, Embedding>();
  const embedding = (model: Manifest): Embedding => {
    const known = batchings.get(model.name);
    const made: Embedding = known ?? {
      capacity: LARGEST_BATCH,
      size: ({ faces }) => faces.length,
      bytes: ({ image }) => image.data.length,
      run: (items) => {
        batched?.(items.reduce((sum, { faces }) => sum + faces.length, 0));
        return onSession(async (s) =>
          (await network(s, model)).run(
            items.map(({ image, faces }) => ({ load: () => s.image.load(image), faces })),
          ),
        );
      },
    };
    batchings.set(model.name, made);
    return made;
  };

  const index: Engine['index'] = (dimensions, format) =>
    createSearchIndex(dimensions, (task) => onSession((s) => task(s.gpu)), format, queue.join);

  return {
    adapter: session.gpu.adapter,
    async admit(size, decode) {
      checkFits(size, session.gpu.adapter.limits);
      return admit(size, decode);
    },
    async detect(image, detectOptions = {}) {
      checkFits(image, session.gpu.adapter.limits);
      return inTurn(
        async (s) => (await detector(s)).detect(s.image.load(image), detectOptions),
        image.data.length,
        placeOf(image),
      );
    },
    async embedder(name) {
      const model = currentModel(name);
      if (model.kind !== 'embedder')
        throw new FacegraphError('InvalidInput', `${name} is not an embedding model`);
      if (!session.networks.has(model.name)) await inTurn((s) => network(s, model));
      return createEmbedder(model, async (image, faces) => {
        checkFits(image, session.gpu.adapter.limits);
        // A crowd is embedded in several turns, so that others have theirs between them.
        const parts: Float32Array[][][] = [];
        for (let from = 0; from < faces.length; from += LARGEST_BATCH) {
          const some = faces.slice(from, from + LARGEST_BATCH);
          const item = { image, faces: some };
          parts.push(await queue.join(embedding(model), item, placeOf(image)));
        }
        return (parts[0] ?? []).map((_, output) => parts.flatMap((part) => part[output]));
      });
    },
    index,
    async warmUp(progress) {
      const here = manifests().filter(
        ({ name, kind }) => kind !== 'classifier' && hasWeights(name),
      );
      for (const model of here) {
        const load = (s: Session) => (model.kind === 'embedder' ? network(s, model) : detector(s));
        if (await succeeds(inTurn<unknown>(load))) progress?.(model.name);
      }
      for (const format of ['f32', 'f16'] as const) {
        const one = index(8, format);
        const row = new Float32Array(8);
        one.add('', row);
        // A single probe is compared by another tile than several are.
        for (const probes of [[row], [row, row]]) await succeeds(one.search(probes, 1));
        one.destroy();
      }
      await succeeds(inTurn((s) => warmCeilings(s.gpu)));
    },
    async profile(options) {
      if (profiling) throw engineBusy('another profile is being made', PROFILE_SECONDS);
      profiling = true;
      try {
        const { gpu } = await inTurn(async (s) => s);
        return await profileModel(gpu, options, (task) =>
          inTurn(async (s) => {
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
      await queue.close();
      closeSession(session);
    },
  };
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof FacegraphError) return false;
    throw error;
  }
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
