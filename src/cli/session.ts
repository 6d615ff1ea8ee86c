import type { Engine } from '../engine/engine.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
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

/** Opens the server's database, which no server may hold if it is embedded, and closes it in the end. */
export async function withDatabase(work: (db: PrismaClient) => Promise<void>): Promise<void> {
  const { openDatabase } = await import('../faces/database/database.ts');
  const directory = process.env.FACEGRAPH_DATA ?? '.data';
  const database = await openDatabase(directory, process.env.DATABASE_URL);
  await work(database.client).finally(() => database.close());
}
