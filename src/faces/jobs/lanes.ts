/**
 * Works on one thing after another in several lanes, so that one is read and decoded while the GPU
 * has another. Begins nothing new once the signal is aborted or a lane failed; what was begun ends.
 * @param next gives the next thing, never called twice at once; undefined: there is no more.
 * @throws the first error of `next` or `work`.
 */
export async function inLanes<T>(
  lanes: number,
  next: () => Promise<T | undefined>,
  work: (thing: T) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  let turn: Promise<unknown> = Promise.resolve();
  const take = (): Promise<T | undefined> => {
    const taken = turn.then(() => (signal.aborted || failed.signal.aborted ? undefined : next()));
    turn = taken.catch(() => undefined);
    return taken;
  };
  const lane = async () => {
    try {
      for (let thing = await take(); thing !== undefined; thing = await take()) await work(thing);
    } catch (error) {
      failed.abort(error);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  failed.signal.throwIfAborted();
}
