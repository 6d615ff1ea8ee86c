import type { Face } from '../../engine/face.ts';
import { DEFAULT_QUEUE } from '../../engine/fairQueue.ts';
import type { Image } from '../../engine/image/image.ts';
import { createPool } from '../../engine/image/pool.ts';
import type { MaskSubject } from '../evaluation/maskComparisons.ts';
import type { MaskFigures } from '../evaluation/maskFigures.ts';
import type { WornMask } from '../masks/maskFaces.ts';

/** The arguments of `maskFaces`; the buffer of the image is transferred and so lost to the sender. */
interface DrawRequest {
  readonly image: Image;
  readonly faces: readonly Face[];
  readonly masks: readonly WornMask[];
}

/** The arguments of `maskFigures`. */
interface FiguresRequest {
  readonly subjects: readonly MaskSubject[];
  readonly seed: number;
  readonly fmr: number;
}

/** What a thread is asked for. */
export type AsideRequest = DrawRequest | FiguresRequest;

/** What it answers. */
export type AsideAnswer = { readonly image: Image } | { readonly figures: MaskFigures | null };

/**
 * Threads for what a mask report computes on the CPU, in which a server would answer nobody: a mask takes
 * up to 3 s on a face of 1,500 pixels, the figures of a full sample 8 s.
 */
export interface Aside {
  /** `maskFaces`, which takes the image from the caller. */
  draw(request: DrawRequest): Promise<Image>;
  /** `maskFigures` */
  figures(request: FiguresRequest): Promise<MaskFigures | null>;
  /** Ends the threads, once what was asked for is answered. */
  close(): Promise<void>;
}

const THREADS = 2;
/** Far beyond what either takes on a busy machine. */
const TIMEOUT_MS = 600_000;

/** Threads are started when they are needed. */
export function openAside(): Aside {
  const script = new URL('./asideWorker.mjs', import.meta.url);
  const pool = createPool<AsideRequest, AsideAnswer>(script, {
    threads: THREADS,
    budget: THREADS,
    limits: DEFAULT_QUEUE,
  });
  const run = (request: AsideRequest, transfer: readonly ArrayBuffer[]) =>
    pool.run({ request, transfer, cost: 1, timeout: TIMEOUT_MS });
  return {
    async draw(request) {
      const answer = await run(request, [request.image.data.buffer as ArrayBuffer]);
      return (answer as { image: Image }).image;
    },
    async figures(request) {
      const answer = await run(request, []);
      return (answer as { figures: MaskFigures | null }).figures;
    },
    close: () => pool.close(),
  };
}
