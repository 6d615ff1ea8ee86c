/**
 * Works on one thing after another in several lanes, so that one is read and decoded while the GPU
 * has another. Begins nothing new once the signal is aborted or a lane failed; what was begun ends.
 * @param next gives the next thing, never called twice at once; undefined: there is no more.
 * @param work waits for `turn` before it writes, so that things are written in their order; it
 *   rejects when a thing before this one failed.
 * @throws the first error of `next` or `work`.
 */
export async function inLanes<T>(
  lanes: number,
  next: () => Promise<T | undefined>,
  work: (thing: T, turn: Promise<void>) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  let taking: Promise<unknown> = Promise.resolve();
  let last: Promise<void> = Promise.resolve();
  const take = () => {
    const taken = taking.then(async () => {
      if (signal.aborted || failed.signal.aborted) return undefined;
      const thing = await next();
      if (thing === undefined) return undefined;
      const working = work(thing, last);
      last = working;
      // In an object, or the lane would get the result instead of the promise.
      return { working };
    });
    taking = taken.catch(() => undefined);
    return taken;
  };
  const lane = async () => {
    try {
      for (let taken = await take(); taken; taken = await take()) await taken.working;
    } catch (error) {
      failed.abort(error);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  failed.signal.throwIfAborted();
}
