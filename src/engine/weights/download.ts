import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A download that failed for good. `refused`: the server or the way there did not let us in. */
export class DownloadError extends Error {
  readonly refused: boolean;

  /** @param reason a status or a system's error code; never an address, which may be private. */
  constructor(reason: string, refused: boolean) {
    super(reason);
    this.name = 'DownloadError';
    this.refused = refused;
  }
}

const RETRIES = 5;
const BACKOFF_MS = 500;
/** No byte for so long is a broken connection. */
const STALL_MS = 60_000;

/**
 * Downloads `url` to `path`, going on after what is already there, and again after each break as
 * long as bytes arrive. The content must be checked by the caller.
 * @param onBytes bytes on disk and, when known, of the whole.
 * @throws DownloadError when the server refuses, or nothing more arrives.
 */
export async function download(
  url: string,
  path: string,
  onBytes: (bytes: number, total?: number) => void,
): Promise<void> {
  for (let failures = 0; ; ) {
    const before = await sizeOf(path);
    try {
      return await attempt(url, path, before, onBytes);
    } catch (error) {
      if (error instanceof DownloadError) throw error;
      failures = (await sizeOf(path)) > before ? 0 : failures + 1;
      if (failures > RETRIES || isUnreachable(error))
        throw new DownloadError(codeOf(error), isUnreachable(error));
      await sleep(BACKOFF_MS * (failures + 1));
    }
  }
}

async function attempt(
  url: string,
  path: string,
  from: number,
  onBytes: (bytes: number, total?: number) => void,
): Promise<void> {
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(), STALL_MS);
  try {
    const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
    const response = await fetch(url, { headers, signal: stall.signal });
    const total = wholeLength(response);
    if (response.status === 416 && total === from) return;
    const resumed = response.status === 206 && startOf(response) === from;
    if (!response.ok || (response.status === 206 && !resumed))
      throw new DownloadError(`HTTP ${response.status}`, true);

    const file = await open(path, resumed ? 'a' : 'w');
    let bytes = resumed ? from : 0;
    onBytes(bytes, total);
    try {
      const reader = response.body!.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        await file.writeFile(value);
        bytes += value.length;
        timer.refresh();
        onBytes(bytes, total);
      }
    } finally {
      await file.close();
    }
    if (total !== undefined && bytes < total) throw new Error('cut off');
  } finally {
    clearTimeout(timer);
  }
}

function wholeLength(response: Response): number | undefined {
  const range = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  if (range) return Number(range[1]);
  const length = response.headers.get('content-length');
  // With an encoding the length is that of the encoded bytes, which fetch never shows.
  return length && !response.headers.has('content-encoding') ? Number(length) : undefined;
}

function startOf(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The system's error code, e.g. ENOTFOUND; messages are left out because they name hosts. */
function codeOf(error: unknown): string {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? (error as NodeJS.ErrnoException).code ?? 'the connection broke';
}

/** No server there, or none we can speak to: a proxy or certificates known only to npm may help. */
function isUnreachable(error: unknown): boolean {
  return /^(ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|.*CERT.*|ERR_TLS.*)/.test(
    codeOf(error),
  );
}
