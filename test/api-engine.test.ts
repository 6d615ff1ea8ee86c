import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../src/engine/engine.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { openEngine } from '../src/engine/openEngine.ts';
import { hasWeights } from '../src/engine/weights/load.ts';
import { DEFAULT_MODELS } from '../src/engine/weights/manifest.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

// sample3 shows three women; the one in the middle is also on the right of sample1.
const SAMPLES = join(import.meta.dirname, '../node_modules/@vladmandic/face-api/demo');
const missing = [
  ...DEFAULT_MODELS.filter((model) => !hasWeights(model)),
  ...(existsSync(SAMPLES) ? [] : ['photographs of @vladmandic/face-api']),
];

describe.skipIf(missing.length > 0)(
  `API on the real engine${missing.length > 0 ? ` (missing: ${missing.join(', ')})` : ''}`,
  () => {
    let engine: Engine;
    let api: Api;
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let group: Uint8Array<ArrayBuffer>;
    let probe: Uint8Array<ArrayBuffer>;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      const read = async (name: string) => new Uint8Array(await readFile(join(SAMPLES, name)));
      [group, probe] = await Promise.all(['sample3.jpg', 'sample1.jpg'].map(read));
      engine = await openEngine();
      api = await openApi(engine, { directory: directory.path });
    });

    afterAll(async () => {
      await api?.close();
      await engine?.close();
      await closeDecoder();
      await directory.remove();
    });

    const enrol = (name: string, face?: number) =>
      api.run(
        `mutation ($image: ImageInput!, $name: String!, $face: Int) {
          enrolFace(image: $image, face: $face, identity: { new: { gallery: { name: "g" }, name: $name } }) {
            __typename
            ... on MultipleFacesFound { faces { index box { x } } }
            ... on Face { identity { id } }
            ... on Failure { message }
          } }`,
        { variables: { name, face }, files: { 'image.file': group } },
      );
    // The names from left to right.
    const identify = async () => {
      const { data } = await api.run(
        `query ($image: ImageInput!) { identify(image: $image, gallery: { name: "g" }) {
          ... on Identification { faces { face { box { x } } match { identity { name } } } }
          ... on Failure { message } } }`,
        { files: { 'image.file': probe } },
      );
      type Found = { face: { box: { x: number } }; match: { identity: { name: string } } | null };
      return (data.identify.faces as Found[])
        .sort((a, b) => a.face.box.x - b.face.box.x)
        .map(({ match }) => match?.identity.name ?? null);
    };

    it('names the one woman it knows, after a restart too, until she is deleted', async () => {
      await api.run('mutation { createGallery(name: "g") { __typename } }');
      const several = await enrol('nobody');
      type Choice = { index: number; box: { x: number } };
      const faces: Choice[] = several.data.enrolFace.faces;
      expect(faces).toHaveLength(3);
      const [left, middle] = faces.sort((a, b) => a.box.x - b.box.x);
      expect((await enrol('Ann', left.index)).data.enrolFace.__typename).toBe('Face');
      const beth = await enrol('Beth', middle.index);
      expect(await identify()).toEqual([null, null, 'Beth']);

      await api.close();
      api = await openApi(engine, { directory: directory.path });
      expect(await identify()).toEqual([null, null, 'Beth']);

      const { id } = beth.data.enrolFace.identity;
      await api.run('mutation ($id: ID!) { deleteIdentity(id: $id) { __typename } }', {
        variables: { id },
      });
      expect(await identify()).toEqual([null, null, null]);
    }, 400_000);
  },
);
