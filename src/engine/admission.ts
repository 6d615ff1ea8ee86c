import type { Admitted, Engine } from './engine.ts';
import type { GpuQueue, Place } from './gpuQueue.ts';
import type { Image } from './image/image.ts';

/** Pictures that have their place in the queue for the GPU before they are decoded. */
export interface Admission {
  /** As `Engine.admit`, without its check of the GPU's limits. */
  readonly admit: Engine['admit'];
  /** The place of a picture, for the first work with it; undefined when it has none (any more). */
  placeOf(image: Image): Place | undefined;
}

export function createAdmission(queue: Pick<GpuQueue, 'hold' | 'release'>): Admission {
  const places = new WeakMap<Image, Place>();

  const admit = async (
    { width, height }: Pick<Image, 'width' | 'height'>,
    decode: (gone: AbortSignal) => Promise<Image>,
  ): Promise<Admitted> => {
    const gone = new AbortController();
    let lose: (error: Error) => void;
    const lost = new Promise<never>((_, reject) => {
      lose = reject;
    });
    const place = queue.hold(width * height * 3, (error) => {
      gone.abort();
      lose(error);
    });
    try {
      const image = await Promise.race([lost, decode(gone.signal)]);
      places.set(image, place);
      return { image, release: () => queue.release(place) };
    } catch (error) {
      queue.release(place);
      throw error;
    }
  };

  return { admit, placeOf: (image) => places.get(image) };
}
