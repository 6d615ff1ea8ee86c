import { homedir } from 'node:os';
import { join } from 'node:path';

/** $FACEGRAPH_CACHE, else $XDG_CACHE_HOME/facegraph, else ~/.cache/facegraph. */
export function cacheDir(): string {
  const { FACEGRAPH_CACHE, XDG_CACHE_HOME } = process.env;
  if (FACEGRAPH_CACHE) return FACEGRAPH_CACHE;
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'facegraph');
}

/** The converted weights of a model. */
export function weightsPath(model: string): string {
  return join(cacheDir(), 'weights', `${model}.safetensors`);
}

/** What the converted weights were made from, and their sha256. */
export function recordPath(model: string): string {
  return join(cacheDir(), 'weights', `${model}.json`);
}

/** Where downloads and conversions of a model happen. */
export function workDir(model: string): string {
  return join(cacheDir(), 'downloads', model);
}
