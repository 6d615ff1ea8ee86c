import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPeerCascade } from '../bench/peer.ts';
import { peerDetect } from '../bench/peerCascade.ts';
import { photographs } from '../bench/photographs.ts';
import type { Engine } from '../src/engine/engine.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { hasWeights, loadWeights } from '../src/engine/weights/load.ts';

describe.skipIf(!hasWeights('mtcnn'))(
  'detection against the same cascade on the CPU and onnxruntime (needs the weights of mtcnn)',
  () => {
    let engine: Engine;
    let images: Image[];
    let peer: Awaited<ReturnType<typeof openPeerCascade>>;
    beforeAll(async () => {
      images = await photographs(320, 240);
      engine = await openEngine();
      peer = await openPeerCascade('cpu', await loadWeights('mtcnn'));
    });
    afterAll(async () => {
      await peer?.close();
      await engine?.close();
      await closeDecoder();
    });

    test('same faces in the same places, equally sure', async () => {
      let faces = 0;
      for (const image of images) {
        const ours = await engine.detect(image);
        const theirs = await peerDetect(image, peer.run);
        expect(ours.length).toBe(theirs.length);
        for (const [i, { box, confidence }] of ours.entries()) {
          for (const k of [0, 1, 2, 3])
            expect(Math.abs(box[k] - theirs[i][k])).toBeLessThanOrEqual(1);
          expect(confidence).toBeCloseTo(theirs[i][4], 3);
        }
        faces += ours.length;
      }
      expect(faces).toBeGreaterThanOrEqual(images.length);
    });
  },
);
