import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** Lower-case hex sha256 of bytes in memory; about 70 ms for 95 MB where the CPU has SHA extensions. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Digest of a file, read as a stream: sha256 in hex, sha512 in base64 for npm's integrity strings. */
export async function hashFile(
  path: string,
  algorithm: 'sha256' | 'sha512' = 'sha256',
): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest(algorithm === 'sha256' ? 'hex' : 'base64');
}
