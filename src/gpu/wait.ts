import type { Gpu } from './device.ts';

/** Milliseconds the event loop rests between two polls of a software adapter. */
const REST = 0.4;

const bell = new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let resting = false;

/**
 * Awaits a promise of dawn.node. Until it settles dawn.node polls in every turn of the event loop,
 * which keeps one core busy. A GPU does not mind, but a software adapter computes on that very core
 * (SENet50 on 2 cores: 438 ms polled without pause, 237 ms with), so there the loop rests between turns.
 */
export async function waitFor<T>({ adapter }: Gpu, promise: Promise<T>): Promise<T> {
  if (!adapter.software) return promise;
  waiting++;
  if (!resting) setImmediate(rest);
  resting = true;
  try {
    return await promise;
  } finally {
    waiting--;
  }
}

function rest(): void {
  resting = waiting > 0;
  if (!resting) return;
  Atomics.wait(bell, 0, 0, REST);
  setImmediate(rest);
}
