import { readdirSync } from 'node:fs';

/** Every kernel: the names of the WGSL files of this folder. */
export function kernelNames(): string[] {
  return readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => file.slice(0, -'.wgsl'.length))
    .sort();
}
