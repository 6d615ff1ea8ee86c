import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterSummary } from '../src/gpu/device.ts';

/** What of an adapter names its results. */
type Adapter = Pick<AdapterSummary, 'description'>;

/** Where today's results of this adapter go, which git ignores unless told otherwise; the folder is made. */
export async function resultPath(adapter: Adapter, end: string): Promise<string> {
  const folder = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(folder, { recursive: true });
  const name = adapter.description.replace(/[^\w.]+/g, '-').slice(0, 40);
  return join(folder, `${new Date().toISOString().slice(0, 10)}-${name}${end}`);
}

/** What figures were measured on. */
export function machineOf(adapter: Adapter): string {
  return `${adapter.description}; ${cpus().length} × ${cpus()[0].model}`;
}

/** Saves figures, and what they were measured on, as today's results, and says where. */
export async function saveResults(adapter: Adapter, end: string, results: unknown): Promise<void> {
  const path = await resultPath(adapter, end);
  const figures = { machine: machineOf(adapter), adapter, node: process.versions.node, results };
  await writeFile(path, `${JSON.stringify(figures, null, 2)}\n`);
  process.stderr.write(`saved as ${path}\n`);
}
