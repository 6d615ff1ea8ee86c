import { FacegraphError } from '../errors.ts';
import type { Gpu } from '../gpu/device.ts';
import { storageBuffer } from '../gpu/plan.ts';
import type { GpuImage } from '../kernels/resize.ts';
import type { Image } from './image/image.ts';

/** The one image the GPU works on at a time. */
export interface ImageBuffer {
  /** Uploads an image; valid until the next call. The same object again costs nothing. */
  load(image: Image): GpuImage;
  destroy(): void;
}

/**
 * Refuses an image that the GPU cannot hold, before anything of it is uploaded.
 * @throws FacegraphError `ImageTooLarge`.
 */
export function checkFits(
  { width, height }: Pick<Image, 'width' | 'height'>,
  limits: Gpu['adapter']['limits'],
): void {
  const pixels = Math.floor(limits.maxStorageBufferBindingSize / 3) - 2;
  if (width * height > pixels)
    throw new FacegraphError(
      'ImageTooLarge',
      `the image has ${width}x${height} pixels; this GPU takes ${Math.floor(pixels / 1e6)} megapixels`,
    );
}

/** Grows by doubling so that a stream of different sizes settles on one buffer. */
export function createImageBuffer(gpu: Gpu): ImageBuffer {
  let buffer: GPUBuffer | undefined;
  let loaded: Image | undefined;
  return {
    load(image) {
      const bytes = image.width * image.height * 3;
      // Kernels read whole words, up to 4 bytes past the last pixel.
      const needed = Math.ceil((bytes + 4) / 4) * 4;
      if (!buffer || buffer.size < needed) {
        checkFits(image, gpu.adapter.limits);
        const limit = gpu.adapter.limits.maxStorageBufferBindingSize;
        buffer?.destroy();
        const size = Math.min(limit, Math.max(needed, 2 * (buffer?.size ?? 0)));
        buffer = storageBuffer(gpu, size, 'image');
        loaded = undefined;
      }
      if (loaded !== image) {
        const whole = bytes - (bytes % 4);
        const data = image.data as Uint8Array<ArrayBuffer>;
        gpu.device.queue.writeBuffer(buffer, 0, data, 0, whole);
        const tail = new Uint8Array(4);
        tail.set(data.subarray(whole, bytes));
        gpu.device.queue.writeBuffer(buffer, whole, tail);
        loaded = image;
      }
      return { buffer, width: image.width, height: image.height };
    },
    destroy() {
      buffer?.destroy();
      buffer = undefined;
      loaded = undefined;
    },
  };
}
