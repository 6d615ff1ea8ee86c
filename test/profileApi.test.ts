import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';

const PROFILE = `query ($model: String!, $batch: Int!) { kernelProfile(model: $model, batch: $batch) {
  __typename
  ... on KernelProfile {
    model batch adapter clock
    ceilings { bytesPerSecond flopPerSecond }
    networks { name ms { median lowerQuartile upperQuartile n } }
    steps {
      network name kernel constants { name value } inputs output ms { median n }
      flop bytesRead bytesWritten flopPerSecond bytesPerSecond flopShare bytesShare
      parity { max rms scale compared values outside }
    }
  }
  ... on Failure { message } } }`;

describe('kernelProfile', () => {
  const engine = fakeEngine();
  let api: Api;
  let key: string;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(engine, { directory: directory.path });
    key = await api.key('profile');
  });
  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });
  const ask = (model: string, batch: number) =>
    api.run(PROFILE, { key, variables: { model, batch } });

  it('answers what the engine found', async () => {
    const { data, errors } = await ask('resnet50-vggface2', 8);
    expect(errors).toBeUndefined();
    const { steps, ...rest } = data.kernelProfile;
    expect(rest).toEqual({
      __typename: 'KernelProfile',
      model: 'resnet50-vggface2',
      batch: 8,
      adapter: 'an adapter',
      clock: 'timestamp-query',
      ceilings: { bytesPerSecond: 1e12, flopPerSecond: 1e13 },
      networks: [
        { name: 'net', ms: { median: 8, lowerQuartile: 7.92, upperQuartile: 8.08, n: 9 } },
      ],
    });
    expect(steps).toHaveLength(3);
    expect(steps[1]).toEqual({
      network: 'net',
      name: 'block/a',
      kernel: 'conv',
      constants: [{ name: 'TM', value: '4' }],
      inputs: [[1, 8, 8, 4]],
      output: [1, 8, 8, 4],
      ms: { median: 2, n: 9 },
      flop: 1e6,
      bytesRead: 1e4,
      bytesWritten: 1e3,
      flopPerSecond: 5e8,
      bytesPerSecond: 5.5e6,
      flopShare: 1e-4,
      bytesShare: 1e-5,
      parity: { max: 1e-6, rms: 2e-7, scale: 1, compared: 256, values: 256, outside: 0 },
    });
  });

  it.each([0, 9])('refuses a batch of %i', async (batch) => {
    const { data } = await ask('mtcnn', batch);
    expect(data.kernelProfile).toEqual({
      __typename: 'InvalidInput',
      message: `batch ${batch} is not 1 to 8`,
    });
  });

  it('costs so much that a request holds no two of eight faces', async () => {
    const field = 'kernelProfile(batch: 8) { __typename }';
    const { errors = [] } = await api.run(`{ a: ${field} b: ${field} }`, { key });
    expect(errors.map(({ message }) => message)).toEqual([expect.stringMatching(/complexity/i)]);
  });
});
