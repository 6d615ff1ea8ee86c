import { afterEach, describe, expect, it } from 'vitest';
import { createAdmission } from '../src/engine/admission.ts';
import { type Caller, inNameOf } from '../src/engine/caller.ts';
import { createGpuQueue } from '../src/engine/gpuQueue.ts';
import { closeDecoder, decodeImage, setUpDecoder } from '../src/engine/image/decode.ts';
import { encodePng } from '../src/engine/image/encode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { gradient } from './support/pixels.ts';

const SIZE = { width: 20, height: 10 };
const BYTES = SIZE.width * SIZE.height * 3;
const picture = (): Image => ({ ...SIZE, data: new Uint8Array(BYTES) });
const named = (client: string, signal?: AbortSignal): Caller => ({
  client,
  priority: 'request',
  signal,
});

/** An admission to a GPU that is busy until `free`, and what was decoded. */
function busy(limits = { entries: 3, bytes: 1e9 }) {
  const queue = createGpuQueue({ limits });
  const { admit, placeOf } = createAdmission(queue);
  let free = () => {};
  void queue.run(() => new Promise<void>((resolve) => (free = resolve)));
  let decoded = 0;
  return {
    queue,
    free: () => free(),
    decoded: () => decoded,
    admit: (
      caller: Caller,
      decode: (gone: AbortSignal) => Promise<Image> = async () => picture(),
    ) =>
      inNameOf(caller, () =>
        admit(SIZE, (gone) => {
          decoded++;
          return decode(gone);
        }),
      ),
    work: (caller: Caller, image: Image) =>
      inNameOf(caller, () => queue.run(async () => image, image.data.length, placeOf(image))),
  };
}

/** How many more pictures get a place. */
async function room({ admit, queue }: Pick<ReturnType<typeof busy>, 'admit' | 'queue'>) {
  for (let places = 0; ; places++) {
    const refused = await admit(named('somebody else')).catch((error: Error) => error);
    if (!(refused instanceof Error)) continue;
    expect(refused).toMatchObject({ code: 'EngineBusy' });
    expect(queue).toBeDefined();
    return places;
  }
}

afterEach(closeDecoder);

describe('admission', () => {
  it('decodes nothing when the queue is full, a thousand times, and keeps nothing of it', async () => {
    const gpu = busy();
    await Promise.resolve();
    const images: Image[] = [];
    for (const client of ['a', 'b', 'c']) images.push((await gpu.admit(named(client))).image);
    expect(gpu.decoded()).toBe(3);
    for (let i = 0; i < 1000; i++)
      await expect(gpu.admit(named(`other ${i}`))).rejects.toMatchObject({ code: 'EngineBusy' });
    expect(gpu.decoded()).toBe(3);
    const works = images.map((image, i) => gpu.work(named('abc'[i]), image));
    gpu.free();
    expect(await Promise.all(works)).toEqual(images);
    expect(await room(gpu)).toBe(3);
  });

  it('counts the memory of pictures before they are decoded', async () => {
    const gpu = busy({ entries: 100, bytes: 2 * BYTES });
    await Promise.resolve();
    expect(await room(gpu)).toBe(2);
  });

  it('gives the place back when decoding fails, now or later', async () => {
    const gpu = busy();
    await Promise.resolve();
    const failing = async () => {
      throw new Error('no picture');
    };
    for (let i = 0; i < 10; i++)
      await expect(gpu.admit(named('a'), failing)).rejects.toThrow('no picture');
    const thrown = gpu.admit(named('a'), () => {
      throw new Error('at once');
    });
    await expect(thrown).rejects.toThrow('at once');
    expect(await room(gpu)).toBe(3);
  });

  it('gives the place back when the caller goes, while it is decoded and after', async () => {
    const gpu = busy();
    await Promise.resolve();
    const gone = new AbortController();
    let aborted = false;
    const decoding = gpu.admit(
      named('a', gone.signal),
      (signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => (aborted = true));
        }),
    );
    const decoded = await gpu.admit(named('a', gone.signal));
    gone.abort();
    await expect(decoding).rejects.toMatchObject({ code: 'Cancelled' });
    expect(aborted).toBe(true);
    await expect(gpu.work(named('a', gone.signal), decoded.image)).rejects.toMatchObject({
      code: 'Cancelled',
    });
    expect(await room(gpu)).toBe(3);
  });

  it('gives the place back when nothing is done with the picture, once', async () => {
    const gpu = busy();
    await Promise.resolve();
    const { image, release } = await gpu.admit(named('a'));
    release();
    release();
    const used = await gpu.admit(named('a'));
    const work = gpu.work(named('a'), used.image);
    // It is the work's now.
    used.release();
    expect(await room(gpu)).toBe(2);
    gpu.free();
    expect(await work).toBe(used.image);
    expect(image).not.toBe(used.image);
  });

  it('uses a place once: a second work with the same picture needs its own', async () => {
    const gpu = busy({ entries: 1, bytes: 1e9 });
    await Promise.resolve();
    const { image } = await gpu.admit(named('a'));
    const first = gpu.work(named('a'), image);
    await expect(gpu.work(named('a'), image)).rejects.toMatchObject({ code: 'EngineBusy' });
    gpu.free();
    expect(await first).toBe(image);
  });

  it('takes a picture out of the queue for the decoder when its place goes to somebody else', async () => {
    const lengths: number[] = [];
    const observe = { length: (n: number) => void lengths.push(n), waited: () => undefined };
    setUpDecoder({ limits: { entries: 100, bytes: 1e9 }, observe });
    const gpu = busy({ entries: 4, bytes: 1e9 });
    await Promise.resolve();
    const file = encodePng(gradient(SIZE.width, SIZE.height));
    const decode = (gone: AbortSignal) => decodeImage(file, undefined, gone);
    const greedy = [1, 2, 3, 4].map(() => gpu.admit(named('greedy'), decode));
    const settled = Promise.allSettled(greedy);
    const before = lengths.at(-1);
    await gpu.admit(named('modest'));
    // Two are with the threads, one waits: the fourth has left.
    expect([before, lengths.at(-1)]).toEqual([2, 1]);
    const outcomes = (await settled).map((one) =>
      one.status === 'fulfilled' ? 'decoded' : (one.reason as { code: string }).code,
    );
    expect(outcomes).toEqual(['decoded', 'decoded', 'decoded', 'EngineBusy']);
  });

  it('takes nothing in when the engine is closing', async () => {
    const gpu = busy();
    await Promise.resolve();
    const closing = gpu.queue.close();
    await expect(gpu.admit(named('a'))).rejects.toMatchObject({ code: 'EngineBusy' });
    expect(gpu.decoded()).toBe(0);
    gpu.free();
    await closing;
  });
});
