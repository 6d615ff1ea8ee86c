import { readFileSync } from 'node:fs';
import type { Gpu } from './device.ts';
import { waitFor } from './wait.ts';

/** How a kernel sees a binding. Arena tensors are `storage` even where only read: WebGPU forbids
 * one buffer to be both read-only and writable in a dispatch. */
export type Binding = 'read' | 'storage' | 'uniform';

/** A WGSL program: its text and the kinds of its bindings, in order, all in group 0. */
export interface Kernel {
  readonly name: string;
  readonly source: string;
  readonly bindings: readonly Binding[];
}

/** Specialisation of a kernel: becomes a `const` block before its source. Booleans and i32. */
export type Constants = Readonly<Record<string, number | boolean>>;

/** The kernel whose WGSL lies beside the calling module: `kernel(import.meta.url, 'conv', […])`. */
export function kernel(moduleUrl: string, name: string, bindings: readonly Binding[]): Kernel {
  return { name, bindings, source: readFileSync(new URL(`${name}.wgsl`, moduleUrl), 'utf8') };
}

const BUFFER_TYPE = { read: 'read-only-storage', storage: 'storage', uniform: 'uniform' } as const;

/** `const` declarations for the constants, one a line. */
export function constantBlock(constants: Constants): string {
  return Object.entries(constants)
    .map(([name, value]) => `const ${name} = ${value};\n`)
    .join('');
}

/**
 * The compiled pipeline of a kernel with these constants, from the device's cache when it has it.
 * @throws Error naming the kernel, its constants and the compiler's complaint.
 */
export function pipeline(
  gpu: Gpu,
  kernel: Kernel,
  constants: Constants,
): Promise<GPUComputePipeline> {
  const block = constantBlock(constants);
  const key = `${kernel.name}\n${block}\n${kernel.source}`;
  let made = gpu.pipelines.get(key);
  if (!made) {
    made = waitFor(gpu, compile(gpu.device, kernel, block));
    gpu.pipelines.set(key, made);
  }
  return made;
}

async function compile(
  device: GPUDevice,
  kernel: Kernel,
  block: string,
): Promise<GPUComputePipeline> {
  const layout = device.createBindGroupLayout({
    entries: kernel.bindings.map((kind, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: BUFFER_TYPE[kind] },
    })),
  });
  // Directives such as `enable` must come first, so the block goes behind them.
  const [, directives, rest] = /^((?:\s*(?:\/\/.*|enable .*)\n)*)([\s\S]*)$/.exec(kernel.source)!;
  const module = device.createShaderModule({
    label: kernel.name,
    code: `${directives}${block}${rest}`,
  });
  try {
    return await device.createComputePipelineAsync({
      label: kernel.name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module },
    });
  } catch (cause) {
    const { messages } = await module.getCompilationInfo();
    const what = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join('; ');
    const constants = block.trim().replaceAll('\n', ' ');
    throw new Error(`kernel ${kernel.name} [${constants}]: ${what || cause}`, { cause });
  }
}
