import { create, globals } from 'webgpu';
import { FacegraphError } from '../errors.ts';

/** What the adapter is and can do; plain data for doctor, health and benches. */
export interface AdapterSummary {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** True for lavapipe and SwiftShader. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly subgroupSize: readonly [min: number, max: number];
  readonly limits: Readonly<Record<string, number>>;
}

/** One open device and the caches that live and die with it. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterSummary;
  /** Pipelines by source and constants (see pipeline.ts). */
  readonly pipelines: Map<string, Promise<GPUComputePipeline>>;
  /** Stand-ins for bindings a kernel variant does not use. */
  readonly unused: { readonly read: GPUBuffer; readonly storage: GPUBuffer };
  /** WGSL that runs in place of a kernel's own, by the kernel's name. */
  readonly replaced: Replacements;
  /** Set once the device is gone. */
  lost: boolean;
  /** The first validation error nothing else caught; the next submission throws it. */
  fault?: string;
}

/** WGSL files in place of kernels: same bindings, constants and grid. */
export type Replacements = ReadonlyMap<string, { readonly path: string; readonly source: string }>;

const WANTED_FEATURES = ['subgroups', 'timestamp-query', 'shader-f16'] as const;
const WANTED_LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

// Dawn's instance must outlive every device: if it is collected, the process dies.
let instance: GPU | undefined;

function dawn(): GPU {
  if (!instance) {
    Object.assign(globalThis, globals);
    // Browsers round timestamps to 65 µs, so that pages cannot spy; a profile needs them whole.
    instance = create(['disable-dawn-features=timestamp_quantization']);
  }
  return instance;
}

/**
 * Opens a device on the best adapter: discrete or integrated GPU first, software Vulkan otherwise.
 * @throws FacegraphError `NoAdapter` when Dawn finds none.
 */
export async function openGpu(replaced: Replacements = new Map()): Promise<Gpu> {
  const adapter = await dawn().requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new FacegraphError(
      'NoAdapter',
      'no WebGPU adapter found; run `npm run doctor` for what to install',
    );
  if (!adapter.features.has('subgroups'))
    throw new FacegraphError(
      'NoAdapter',
      `the WebGPU adapter ${adapter.info.description} has no subgroup operations, which the kernels need`,
    );
  const requiredFeatures = WANTED_FEATURES.filter((f) => adapter.features.has(f));
  const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((l) => [l, adapter.limits[l]]));
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  const small = { size: 256 };
  const gpu: Gpu = {
    device,
    adapter: summarise(adapter),
    pipelines: new Map(),
    unused: {
      read: device.createBuffer({ ...small, usage: GPUBufferUsage.STORAGE }),
      storage: device.createBuffer({ ...small, usage: GPUBufferUsage.STORAGE }),
    },
    replaced,
    lost: false,
  };
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault(); // dawn.node would print it to stdout
    gpu.fault ??= event.error.message;
  });
  void device.lost.then(() => {
    gpu.lost = true;
  });
  return gpu;
}

/** What is known of the adapter that `openGpu` would take, or undefined when there is none. */
export async function probeAdapter(): Promise<AdapterSummary | undefined> {
  const adapter = await dawn().requestAdapter({ powerPreference: 'high-performance' });
  return adapter ? summarise(adapter) : undefined;
}

function summarise(adapter: GPUAdapter): AdapterSummary {
  const { info } = adapter;
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description || info.device,
    software: info.isFallbackAdapter,
    features: [...adapter.features].sort(),
    subgroupSize: [info.subgroupMinSize ?? 0, info.subgroupMaxSize ?? 0],
    limits: Object.fromEntries(WANTED_LIMITS.map((l) => [l, adapter.limits[l]])),
  };
}
