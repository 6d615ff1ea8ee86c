/** Runs what it is given for one key one after another, in the order it came. */
export type Serially = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** A queue for each key, gone when it is empty. */
export function serialiser(): Serially {
  const queues = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const result = (queues.get(key) ?? Promise.resolve()).then(work);
    const settled = result
      .catch(() => undefined)
      .finally(() => {
        if (queues.get(key) === settled) queues.delete(key);
      });
    queues.set(key, settled);
    return result;
  };
}
