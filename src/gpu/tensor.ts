import type { Gpu } from './device.ts';

/**
 * An N H W C f32 tensor in a GPU buffer. Pixels are `stride` floats apart and start `channel`
 * floats into their pixel, so that a tensor can be a slice of the channels of a wider one.
 * C is what the layer means; in memory it is padded to a multiple of 4.
 */
export interface Tensor {
  readonly buffer: GPUBuffer;
  /** Bytes, a multiple of 256. */
  readonly offset: number;
  readonly shape: readonly [n: number, h: number, w: number, c: number];
  readonly stride: number;
  readonly channel: number;
}

/** Channels in memory. */
export function padded(c: number): number {
  return Math.ceil(c / 4) * 4;
}

/** Bytes of a dense tensor of this shape. */
export function byteLength([n, h, w, c]: Tensor['shape']): number {
  return n * h * w * padded(c) * 4;
}

/** A tensor that owns whole pixels at an offset of a buffer. */
export function dense(buffer: GPUBuffer, offset: number, shape: Tensor['shape']): Tensor {
  return { buffer, offset, shape, stride: padded(shape[3]), channel: 0 };
}

/** The part of the buffer a kernel needs to bind to reach every pixel of the tensor. */
export function binding(t: Tensor): GPUBufferBinding {
  const [n, h, w] = t.shape;
  return { buffer: t.buffer, offset: t.offset, size: n * h * w * t.stride * 4 };
}

/** Pixels of the tensor over the whole batch. */
export function pixels(t: Tensor): number {
  return t.shape[0] * t.shape[1] * t.shape[2];
}

/** Writes dense N H W C values (unpadded) into a tensor; padding channels become 0. */
export function upload(gpu: Gpu, t: Tensor, values: Float32Array): void {
  const c = t.shape[3];
  const count = pixels(t);
  if (values.length !== count * c)
    throw new Error(`upload: ${values.length} values for shape ${t.shape}`);
  if (t.channel !== 0 || t.stride !== padded(c)) throw new Error('upload: tensor is a slice');
  const wide = new Float32Array(count * t.stride);
  for (let i = 0; i < count; i++) wide.set(values.subarray(i * c, i * c + c), i * t.stride);
  gpu.device.queue.writeBuffer(t.buffer, t.offset, wide);
}

/** Removes padding: the dense N H W C values of a tensor whose bound bytes were read back. */
export function unpad(t: Tensor, bytes: ArrayBuffer): Float32Array {
  const c = t.shape[3];
  const count = pixels(t);
  const wide = new Float32Array(bytes, 0, count * t.stride);
  if (t.stride === c) return wide.slice();
  const values = new Float32Array(count * c);
  for (let i = 0; i < count; i++) {
    const from = i * t.stride + t.channel;
    values.set(wide.subarray(from, from + c), i * c);
  }
  return values;
}
