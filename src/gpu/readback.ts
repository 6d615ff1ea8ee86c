import { FacegraphError } from '../errors.ts';
import type { Gpu } from './device.ts';
import { waitFor } from './wait.ts';

/** What the offset of a mapped range must be a multiple of. */
const MAP_ALIGNMENT = 8;

/** A part of a buffer to bring back. */
export interface Source {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  /** Bytes, a multiple of 4. */
  readonly size: number;
}

/**
 * Encodes with `record`, submits, and brings the sources back in one map.
 * @throws FacegraphError `DeviceLost` when the device goes away; Error with Dawn's message when
 * the commands are invalid.
 */
export async function submitAndRead(
  gpu: Gpu,
  record: (encoder: GPUCommandEncoder) => void,
  sources: readonly Source[],
): Promise<ArrayBuffer[]> {
  if (gpu.lost) throw lost();
  if (gpu.fault) throw new Error(`GPU commands are invalid: ${gpu.fault}`);
  const { device } = gpu;
  let total = 0;
  const parts = sources.map((source) => {
    const at = total;
    total += Math.ceil(source.size / MAP_ALIGNMENT) * MAP_ALIGNMENT;
    return { ...source, at };
  });
  device.pushErrorScope('validation');
  const encoder = device.createCommandEncoder();
  record(encoder);
  const staging = device.createBuffer({
    size: total,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  for (const { buffer, offset, size, at } of parts)
    encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
  device.queue.submit([encoder.finish()]);
  const invalid = device.popErrorScope();
  try {
    await waitFor(gpu, staging.mapAsync(GPUMapMode.READ));
  } catch (cause) {
    const error = await invalid.catch(() => null);
    if (error) throw new Error(`GPU commands are invalid: ${error.message}`, { cause });
    throw lost();
  }
  const error = await invalid;
  if (error) throw new Error(`GPU commands are invalid: ${error.message}`);
  const read = parts.map(({ at, size }) => staging.getMappedRange(at, size).slice(0));
  staging.destroy();
  return read;
}

/**
 * Encodes with `record` and submits. What is invalid is told by the next `submitAndRead`.
 * @throws FacegraphError `DeviceLost`.
 */
export function submit(gpu: Gpu, record: (encoder: GPUCommandEncoder) => void): void {
  if (gpu.lost) throw lost();
  const encoder = gpu.device.createCommandEncoder();
  record(encoder);
  gpu.device.queue.submit([encoder.finish()]);
}

function lost(): FacegraphError {
  return new FacegraphError('DeviceLost', 'the GPU device was lost; try again');
}
