import { createEmbeddingNetwork } from '../src/engine/embed.ts';
import type { Face } from '../src/engine/face.ts';
import type { Image } from '../src/engine/image/image.ts';
import { createImageBuffer } from '../src/engine/imageBuffer.ts';
import type { Shape } from '../src/engine/network.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { type FormulaModel, importFormula } from '../src/engine/weights/formula.ts';
import { networksOf } from '../src/engine/weights/layersOf.ts';
import { hasWeights, loadWeights } from '../src/engine/weights/load.ts';
import { manifest } from '../src/engine/weights/manifest.ts';
import type { Tensors } from '../src/engine/weights/tensor.ts';
import type { Gpu } from '../src/gpu/device.ts';
import type { Contender } from './measure.ts';
import { openPeer, openPeerCascade, type Provider } from './peer.ts';
import { peerDetect } from './peerCascade.ts';

/** What is timed, and by whom it is done. */
export interface Task {
  readonly what: string;
  readonly contenders: readonly Contender[];
  /** After the runs: what came out, and whether all agree. */
  readonly verdict?: () => string;
}

const PROVIDERS: readonly Provider[] = ['webgpu', 'cpu'];
const peerName = (provider: Provider) => `onnxruntime ${provider}`;

/** Bytes of RGB to faces; the peers run our cascade around their networks. */
export async function detectTask(image: Image): Promise<Task> {
  const tensors = await loadWeights('mtcnn');
  const found = new Map<string, readonly (readonly number[])[]>();
  return {
    what: `detect ${image.width}×${image.height}`,
    contenders: [
      {
        engine: 'facegraph',
        async open() {
          const engine = await openEngine();
          const run = async () => {
            found.set(
              'facegraph',
              (await engine.detect(image)).map(({ box }) => box),
            );
          };
          return { run, close: () => engine.close() };
        },
      },
      ...PROVIDERS.map((provider) => ({
        engine: peerName(provider),
        async open() {
          const { run: networks, close } = await openPeerCascade(provider, tensors);
          const run = async () => {
            found.set(peerName(provider), await peerDetect(image, networks));
          };
          return { run, close };
        },
      })),
    ],
    verdict: () => compareBoxes([...found.values()]),
  };
}

function compareBoxes([ours, ...others]: readonly (readonly (readonly number[])[])[]): string {
  const same = others.every(
    (boxes) =>
      boxes.length === ours.length &&
      boxes.every((box, i) => ours[i].every((side, k) => Math.abs(side - box[k]) <= 1)),
  );
  return `${ours.length} faces, ${same ? 'same' : 'DIFFERENT'} boxes`;
}

/** Faces of a photograph to embeddings; the peers are given the cut faces, we cut them too. */
export async function embedTask(gpu: Gpu, name: string, image: Image, n: number): Promise<Task> {
  const model = manifest(name);
  const genuine = hasWeights(name);
  const tensors: Tensors = genuine
    ? await loadWeights(name)
    : await importFormula(name as FormulaModel, false);
  const [network] = networksOf(model.network, false);
  const shape: Shape = [n, model.input.height, model.input.width, 3];
  const faces = Array.from({ length: n }, (_, i) => faceAt(40 + 20 * i));
  const crops = new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => Math.sin(i));
  return {
    what: `embed ${name} × ${n}${genuine ? '' : ' (formula weights)'}`,
    contenders: [
      {
        engine: 'facegraph',
        async open() {
          const images = createImageBuffer(gpu);
          const net = createEmbeddingNetwork(gpu, model, network, tensors);
          return {
            run: () => net.run([{ load: () => images.load(image), faces }]),
            async close() {
              net.destroy();
              images.destroy();
            },
          };
        },
      },
      ...PROVIDERS.map((provider) => ({
        engine: peerName(provider),
        async open() {
          const input = [n, model.input.height, model.input.width] as const;
          const { run, close } = await openPeer(provider, network, tensors, input);
          return { run: () => run(crops, shape), close };
        },
      })),
    ],
  };
}

function faceAt(x: number): Face {
  return {
    box: [x, 40, 90, 120],
    confidence: 1,
    landmarks: {
      leftEye: [x + 25, 85],
      rightEye: [x + 65, 85],
      nose: [x + 45, 110],
      mouthLeft: [x + 28, 135],
      mouthRight: [x + 62, 135],
    },
  };
}
