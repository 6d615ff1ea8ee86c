import type { Engine } from '../engine/engine.ts';
import type { Replacements } from '../gpu/device.ts';

/** Opens the engine, with kernels replaced, hands it to `work`, and closes it whatever happens. */
export async function withEngine(
  work: (engine: Engine) => Promise<void>,
  replaced?: Replacements,
): Promise<void> {
  // Loaded here and not above: `--help` and usage errors must not wait for the GPU library.
  const { openEngine } = await import('../engine/openEngine.ts');
  const engine = await openEngine({ replaced });
  try {
    await work(engine);
  } finally {
    await engine.close();
  }
}
