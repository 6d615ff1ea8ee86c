import { type Frame, frames } from './frames.ts';
import type { Profile } from './profile.ts';

/** An event of the Trace Event format, which Chrome and Perfetto open. Microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** The middle run of a profile as a trace; events begin in order. */
export function trace(profile: Profile): { displayTimeUnit: 'ms'; traceEvents: TraceEvent[] } {
  const place = { pid: 1, tid: 1 };
  const named = (name: string, value: string): TraceEvent => ({
    name,
    ph: 'M',
    ts: 0,
    ...place,
    args: { name: value },
  });
  const { adapter, model, batch } = profile;
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      named('process_name', adapter.description),
      named('thread_name', `${model} × ${batch}`),
      ...frames(profile).flatMap(eventsOf),
    ],
  };

  function eventsOf(frame: Frame): TraceEvent[] {
    const { name, begin, end, children, step } = frame;
    const event: TraceEvent = {
      name,
      ph: 'X',
      ts: begin * 1000,
      dur: (end - begin) * 1000,
      ...place,
      cat: step?.kernel ?? 'network',
      args: step ? argumentsOf(step) : {},
    };
    return [event, ...children.flatMap(eventsOf)];
  }
}

function argumentsOf(step: NonNullable<Frame['step']>) {
  const { kernel, constants, inputs, output, flop, read, written, time, parity } = step;
  return { kernel, constants, inputs, output, flop, read, written, medianMs: time.median, parity };
}
