/** Coefficients of one 8×8 block. */
const BLOCK = 64;
/** The buffer that a thread keeps has room for so many: a picture of 640×480, one of 0.7 megapixels if subsampled. */
const KEPT = 16384;
/** Further buffers, for larger pictures: 1 MiB, which malloc takes from the system and gives back whole. */
const MORE = 4096;

const Own = globalThis.Int32Array;
const kept = new ArrayBuffer(KEPT * BLOCK * Own.BYTES_PER_ELEMENT);
let buffer = kept;
let offset = 0;

/**
 * Runs a decoder of JPEG that makes an `Int32Array(64)` for each block of a picture, thousands of them, such that they
 * are views of few large buffers. V8 takes the elements of each such array from malloc and frees them at a later
 * scavenge, so that a thread's arena grew to tens of megabytes full of holes; and a quarter of the time went there.
 * While it runs, the thread's global `Int32Array` is another function, so `decode` must be synchronous; the blocks may
 * not outlive it.
 */
export function withPooledBlocks<T>(decode: () => T): T {
  globalThis.Int32Array = Pooled as unknown as Int32ArrayConstructor;
  try {
    return decode();
  } finally {
    globalThis.Int32Array = Own;
    new Uint8Array(kept, 0, buffer === kept ? offset : kept.byteLength).fill(0);
    buffer = kept;
    offset = 0;
  }
}

// A function, not a class: constructing a subclass of a typed array is seven times slower.
function Pooled(length: number): Int32Array {
  if (length !== BLOCK) return new Own(length);
  if (offset === buffer.byteLength) {
    buffer = new ArrayBuffer(MORE * BLOCK * Own.BYTES_PER_ELEMENT);
    offset = 0;
  }
  const block = new Own(buffer, offset, BLOCK);
  offset += block.byteLength;
  return block;
}
