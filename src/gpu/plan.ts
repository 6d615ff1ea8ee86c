import type { Gpu } from './device.ts';
import { type Constants, type Kernel, pipeline } from './pipeline.ts';

/** The work of a dispatch; where the data decides, the least that it can be. */
export interface Cost {
  /** Floating point operations; a multiply-add counts as two, activations as none. */
  readonly flop: number;
  /** Bytes of everything that is read, each once. */
  readonly read: number;
  readonly written: number;
}

/** One dispatch, ready to encode. */
export interface Step {
  /** The layer it serves. */
  readonly label: string;
  readonly kernel: string;
  readonly constants: Constants;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [x: number, y: number, z: number];
  readonly cost: Cost;
}

/** Where the GPU notes when the pass of the i-th step begins and ends. */
export type Timestamps = (i: number) => GPUComputePassTimestampWrites;

/** What a launch needs besides its kernel: label, specialisation, buffers, shape, grid, cost. */
export interface Launch {
  readonly label: string;
  readonly constants: Constants;
  /** One entry per binding; a number list becomes a small uniform buffer of i32 (or f32). */
  readonly bindings: readonly (GPUBufferBinding | Int32Array | Float32Array)[];
  readonly workgroups: readonly [x: number, y: number, z: number];
  readonly cost: Cost;
}

/** Buffers that are freed together. */
export interface Scope {
  readonly gpu: Gpu;
  readonly buffers: GPUBuffer[];
}

export function openScope(gpu: Gpu): Scope {
  return { gpu, buffers: [] };
}

export function closeScope(scope: Scope): void {
  for (const buffer of scope.buffers.splice(0)) buffer.destroy();
}

/** A storage buffer of `bytes` (rounded up to 4) that its owner destroys. */
export function storageBuffer(gpu: Gpu, bytes: number, label: string): GPUBuffer {
  const size = Math.max(256, Math.ceil(bytes / 4) * 4);
  const limit = gpu.adapter.limits.maxBufferSize;
  if (size > limit)
    throw new Error(`${label}: ${size} bytes exceed the adapter's buffer limit ${limit}`);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  return gpu.device.createBuffer({ label, size, usage });
}

/** A storage buffer that lives as long as the scope. */
export function storage(scope: Scope, bytes: number, label: string): GPUBuffer {
  const buffer = storageBuffer(scope.gpu, bytes, label);
  scope.buffers.push(buffer);
  return buffer;
}

/**
 * Makes a dispatch of a kernel: pipeline from the cache, uniforms written, bindings bound.
 * @throws Error naming kernel and constants when WGSL or bindings are invalid.
 */
export async function step(scope: Scope, kernel: Kernel, launch: Launch): Promise<Step> {
  const { device } = scope.gpu;
  const { label, constants, bindings, workgroups, cost } = launch;
  if (bindings.length !== kernel.bindings.length)
    throw new Error(
      `${kernel.name}: ${bindings.length} of ${kernel.bindings.length} bindings given`,
    );
  const limit = 65535;
  if (workgroups.some((n) => n < 1 || n > limit))
    throw new Error(`${kernel.name} ${label}: grid ${workgroups} is outside 1..${limit}`);
  const made = await pipeline(scope.gpu, kernel, constants);
  const bindGroup = device.createBindGroup({
    label: `${label} ${kernel.name}`,
    layout: made.getBindGroupLayout(0),
    entries: bindings.map((b, binding) => ({
      binding,
      resource: ArrayBuffer.isView(b) ? { buffer: uniform(scope, b) } : b,
    })),
  });
  return { label, kernel: kernel.name, constants, pipeline: made, bindGroup, workgroups, cost };
}

function uniform(scope: Scope, values: Int32Array | Float32Array): GPUBuffer {
  const size = Math.ceil(values.byteLength / 16) * 16;
  const buffer = scope.gpu.device.createBuffer({
    size,
    usage: GPUBufferUsage.UNIFORM,
    mappedAtCreation: true,
  });
  new Uint8Array(buffer.getMappedRange()).set(
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
  buffer.unmap();
  scope.buffers.push(buffer);
  return buffer;
}

/**
 * Encodes the steps in order: in one pass, whose dependent dispatches WebGPU orders, or, to be timed,
 * each in a pass of its own.
 */
export function encode(
  encoder: GPUCommandEncoder,
  steps: readonly Step[],
  timestamps?: Timestamps,
): void {
  if (!timestamps) {
    const pass = encoder.beginComputePass();
    for (const s of steps) dispatch(pass, s);
    pass.end();
    return;
  }
  steps.forEach((s, i) => {
    const pass = encoder.beginComputePass({ label: s.label, timestampWrites: timestamps(i) });
    dispatch(pass, s);
    pass.end();
  });
}

function dispatch(pass: GPUComputePassEncoder, s: Step): void {
  pass.setPipeline(s.pipeline);
  pass.setBindGroup(0, s.bindGroup);
  pass.dispatchWorkgroups(...s.workgroups);
}
