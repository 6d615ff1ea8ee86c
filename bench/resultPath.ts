import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterSummary } from '../src/gpu/device.ts';

/** Where today's results of this adapter go, which git ignores unless told otherwise; the folder is made. */
export async function resultPath(adapter: AdapterSummary, end: string): Promise<string> {
  const folder = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(folder, { recursive: true });
  const name = adapter.description.replace(/[^\w.]+/g, '-').slice(0, 40);
  return join(folder, `${new Date().toISOString().slice(0, 10)}-${name}${end}`);
}
