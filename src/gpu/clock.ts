import type { Gpu } from './device.ts';
import { encode, type Step } from './plan.ts';
import { submitAndRead } from './readback.ts';
import { waitFor } from './wait.ts';

/** What times steps: the GPU itself, or this process, which then counts submission and waiting too. */
export type Clock = 'timestamp-query' | 'wall';

/** When a step ran, in milliseconds since the first one began. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/** Steps of a submission: a query set holds 4096 timestamps, two a step. */
const CHUNK = 2048;

/** The best clock of the device. */
export function clockOf({ device }: Gpu): Clock {
  return device.features.has('timestamp-query') ? 'timestamp-query' : 'wall';
}

/** Runs the steps in order, each in a pass of its own, and says when each ran. */
export async function timeSteps(
  gpu: Gpu,
  steps: readonly Step[],
  clock: Clock = clockOf(gpu),
): Promise<Span[]> {
  const spans: Span[] = [];
  if (clock === 'wall') for (const step of steps) spans.push(await waitedFor(gpu, step));
  else
    for (let from = 0; from < steps.length; from += CHUNK)
      spans.push(...(await stamped(gpu, steps.slice(from, from + CHUNK))));
  const zero = spans[0]?.begin ?? 0;
  return spans.map(({ begin, end }) => ({ begin: begin - zero, end: end - zero }));
}

async function stamped(gpu: Gpu, steps: readonly Step[]): Promise<Span[]> {
  const { device } = gpu;
  const count = 2 * steps.length;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const buffer = device.createBuffer({
    size: 8 * count,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  try {
    const [bytes] = await submitAndRead(
      gpu,
      (encoder) => {
        encode(encoder, steps, (i) => ({
          querySet,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        }));
        encoder.resolveQuerySet(querySet, 0, count, buffer, 0);
      },
      [{ buffer, offset: 0, size: 8 * count }],
    );
    const nanoseconds = new BigUint64Array(bytes);
    return steps.map((_, i) => {
      const [begin, end] = [nanoseconds[2 * i], nanoseconds[2 * i + 1]];
      return { begin: Number(begin) / 1e6, end: Number(end > begin ? end : begin) / 1e6 };
    });
  } finally {
    querySet.destroy();
    buffer.destroy();
  }
}

async function waitedFor(gpu: Gpu, step: Step): Promise<Span> {
  const encoder = gpu.device.createCommandEncoder();
  encode(encoder, [step]);
  const commands = encoder.finish();
  const begin = performance.now();
  gpu.device.queue.submit([commands]);
  await waitFor(gpu, gpu.device.queue.onSubmittedWorkDone());
  return { begin, end: performance.now() };
}
