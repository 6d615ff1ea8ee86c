import { readFileSync } from 'node:fs';
import { FacegraphError } from '../errors.ts';
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
 * @throws Error naming the kernel, its constants and the compiler's complaint; FacegraphError
 * `InvalidInput`, `FILE:LINE:COLUMN complaint`, when a file that replaces the kernel is wrong.
 */
export function pipeline(
  gpu: Gpu,
  kernel: Kernel,
  constants: Constants,
): Promise<GPUComputePipeline> {
  const block = constantBlock(constants);
  const replacement = gpu.replaced.get(kernel.name);
  const source = replacement?.source ?? kernel.source;
  const key = `${kernel.name}\n${block}\n${source}`;
  let made = gpu.pipelines.get(key);
  if (!made) {
    made = waitFor(gpu, compile(gpu.device, { ...kernel, source }, block, replacement?.path));
    gpu.pipelines.set(key, made);
  }
  return made;
}

async function compile(
  device: GPUDevice,
  kernel: Kernel,
  block: string,
  path?: string,
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
    const [head, added] = [lines(directives), lines(block)];
    const what = messages
      .filter(({ type }) => type === 'error')
      .map(({ lineNum, linePos, message }) => {
        const own = lineNum > head ? Math.max(head + 1, lineNum - added) : lineNum;
        return `${own}:${linePos} ${message}`;
      })
      .join('; ');
    const constants = block.trim().replaceAll('\n', ' ');
    if (path !== undefined)
      throw new FacegraphError(
        'InvalidInput',
        what ? `${path}:${what}` : `${path} does not fit kernel ${kernel.name}: ${reason(cause)}`,
      );
    throw new Error(`kernel ${kernel.name} [${constants}]: ${what || cause}`, { cause });
  }
}

function lines(text: string): number {
  return text.split('\n').length - 1;
}

// Dawn adds where in its own calls it happened, a line each.
function reason(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause).split('\n')[0];
}
